import { join } from "node:path";
import { CHECKOUT } from "@sandlot/stack";
import { command } from "../command";

/** The work is a script of the checkout; here is only its door. */
export const testCommand = command({
  name: "test",
  summary: "Run every check and test against an installation of their own",
  details: "Ends with one line: N passed, N failed. Leaves nothing behind.",
  flags: {
    soak: { kind: "switch", help: "also run the long tests" },
    only: { kind: "text", sample: "part", help: "one of checks, unit, integration, e2e" },
  },
  async run({ flags, interrupts, env }) {
    const words = [...(flags.soak ? ["--soak"] : []), ...(flags.only === undefined ? [] : ["--only", flags.only])];
    const child = Bun.spawn([process.execPath, join(CHECKOUT, "scripts/test.ts"), ...words], {
      cwd: CHECKOUT,
      env: { ...env },
      stdio: ["ignore", "inherit", "inherit"],
    });
    // A terminal's Ctrl-C reaches the child by itself; a signal to us alone does not.
    interrupts.first.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
    return await child.exited;
  },
});
