/** Every rule of the house that a program can check: `bun scripts/check.ts [name …]`; called by `./sandlot test`. */
import { checkBundle } from "./check-bundle";
import { checkDocs } from "./check-docs";
import { checkFences } from "./check-fences";
import { checkHabits } from "./check-habits";
import { checkMigrations } from "./check-migrations";
import { checkPromises } from "./check-promises";
import { checkRings } from "./check-rings";
import { checkSizes } from "./check-sizes";

/** A check returns one line per problem; what it has to say beyond that it prints. */
const CHECKS: Readonly<Record<string, () => string[] | Promise<string[]>>> = {
  rings: checkRings,
  bundle: checkBundle,
  habits: checkHabits,
  migrations: checkMigrations,
  docs: checkDocs,
  fences: checkFences,
  promises: checkPromises,
  sizes: checkSizes,
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => CHECKS[name] === undefined);
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(", ")}; there are ${Object.keys(CHECKS).join(", ")}`);
  process.exitCode = 2;
} else {
  for (const [name, run] of Object.entries(CHECKS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const problems = await run();
    for (const problem of problems) console.log(`${name}: ${problem}`);
    console.log(`${problems.length === 0 ? "ok  " : "FAIL"}  ${name}`);
    if (problems.length > 0) process.exitCode = 1;
  }
}
