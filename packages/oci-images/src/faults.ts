import { defineFaults } from "@sandlot/faults";

/** What can be wrong with a base image. All but `unpack_failed` are the user's to mend, and their text is for the build's log. */
export const imageFaults = defineFaults("image", {
  bad_reference: {
    kind: "invalid",
    say: (f: { reference: string; why: string }) => `'${f.reference}' does not name an image: ${f.why}`,
  },
  bad_mirror: { kind: "invalid", say: (f: { rule: string; why: string }) => `mirror rule '${f.rule}': ${f.why}` },
  not_found: {
    kind: "missing",
    say: (f: { reference: string }) => `image '${f.reference}' was not found in its registry`,
  },
  denied: {
    kind: "forbidden",
    say: (f: { reference: string; status: number }) =>
      `the registry refuses image '${f.reference}' (${f.status}): it does not exist, or the credentials are missing or wrong`,
  },
  unreachable: {
    kind: "unavailable",
    say: (f: { host: string; why: string }) => `registry ${f.host} cannot be reached: ${f.why}`,
  },
  private_address: {
    kind: "forbidden",
    say: (f: { host: string; address: string }) =>
      `registry ${f.host} leads to ${f.address}, an address that images are not fetched from`,
  },
  bad_answer: {
    kind: "broken",
    say: (f: { host: string; why: string }) => `registry ${f.host} answers wrongly: ${f.why}`,
  },
  wrong_digest: {
    kind: "invalid",
    say: (f: { what: string; wanted: string; got: string }) =>
      `${f.what} is not what its digest says: wanted ${f.wanted}, got ${f.got}`,
  },
  no_platform: {
    kind: "invalid",
    say: (f: { reference: string; platform: string }) => `image '${f.reference}' has no variant for ${f.platform}`,
  },
  refused_entry: {
    kind: "invalid",
    say: (f: { archive: string; name: string; why: string }) => `${f.archive} is refused: entry '${f.name}' ${f.why}`,
  },
  bad_archive: { kind: "invalid", say: (f: { archive: string; why: string }) => `${f.archive} is not a tar: ${f.why}` },
  too_large: {
    kind: "too_large",
    say: (f: { what: string; limit: string }) => `${f.what} is larger than allowed (${f.limit})`,
  },
  bad_credentials: { kind: "invalid", say: (f: { why: string }) => `registry credentials: ${f.why}` },
  unsupported_family: {
    kind: "invalid",
    say: (f: { id: string }) =>
      `distribution with ID='${f.id}' is not supported; use a Debian, Fedora, Arch or Alpine based image`,
  },
  unpack_failed: { kind: "broken", say: (f: { step: string; output: string }) => `${f.step} failed: ${f.output}` },
});
