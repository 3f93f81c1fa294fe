/** Every check and test, against an installation of their own; called by `./sandlot test`. Ends with "N passed, N failed". */
import { Outputs } from "./test/outputs";
import { PARTS, type Part, runParts } from "./test/parts";
import { Tally } from "./test/tally";

const words = process.argv.slice(2);
const at = words.indexOf("--only");
const only = at < 0 ? undefined : words[at + 1];
if (only !== undefined && !PARTS.some((part) => part === only)) {
  console.error(`--only must be one of ${PARTS.join(", ")}, got ${only}`);
  process.exit(2);
}

/** A terminal's Ctrl-C comes twice: from itself, and handed on by the command line. Only a later one is meant as a second. */
const SAME_INTERRUPT_MS = 1_000;
const stop = new AbortController();
let interruptedMs = 0;
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(name, () => {
    if (stop.signal.aborted && performance.now() - interruptedMs > SAME_INTERRUPT_MS) process.exit(130);
    if (stop.signal.aborted) return;
    interruptedMs = performance.now();
    console.log(
      `interrupted by ${name}: ending what was started, which takes some seconds; once more leaves it as it is`,
    );
    stop.abort(new Error(`interrupted by ${name}`));
  });
}

const tally = new Tally();
await runParts({
  parts: only === undefined ? PARTS : [only as Part],
  withSoak: words.includes("--soak"),
  tally,
  outputs: new Outputs(),
  signal: stop.signal,
});
console.log(tally.report());
console.log(tally.closingLine());
process.exit(tally.failed === 0 ? 0 : 1);
