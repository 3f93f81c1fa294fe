import { defineFaults } from "@sandlot/faults";

export const namesFaults = defineFaults("names", {
  certificate_unusable: {
    kind: "broken",
    say: (f: { path: string; why: string }) => `the certificate or key at ${f.path} cannot be used: ${f.why}`,
  },
  acme_failed: {
    kind: "unavailable",
    say: (f: { names: string; why: string }) => `no certificate for ${f.names} from the ACME server: ${f.why}`,
  },
  hook_failed: {
    kind: "unavailable",
    say: (f: { command: string; why: string }) => `the DNS hook ${f.command} failed: ${f.why}`,
  },
  port_taken: {
    kind: "precondition",
    say: (f: { what: string; address: string; why: string }) => `${f.what} cannot listen on ${f.address}: ${f.why}`,
  },
});
