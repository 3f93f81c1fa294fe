/** The daemon inside every sandbox. */
import { ENVD_VERSION, envdConfig, lineLogger, parseCommandLine, startEnvd } from "@sandlot/envd";
import { runMain } from "@sandlot/lifetime";

declare const SANDLOT_COMMIT: string | undefined; // put in by build.ts

const asked = parseCommandLine(process.argv.slice(2));
if (asked.wants === "serve") {
  const level = asked.isVerbose ? "debug" : "info";
  const log = lineLogger({ name: "envd", level, write: (line) => process.stdout.write(line) });
  await runMain(() => startEnvd(envdConfig(process.env, asked.port), { log }));
} else {
  const commit = typeof SANDLOT_COMMIT === "undefined" ? "unknown" : SANDLOT_COMMIT;
  process.stdout.write(`${asked.wants === "version" ? ENVD_VERSION : commit}\n`);
}
