/** The daemon inside every sandbox. */
import { ENVD_VERSION, envdConfig, parseCommandLine, startEnvd } from "@sandlot/envd";
import { runMain } from "@sandlot/lifetime";
import { startLogger } from "@sandlot/telemetry";

declare const SANDLOT_COMMIT: string | undefined; // put in by build.ts

const asked = parseCommandLine(process.argv.slice(2));
if (asked.wants === "serve") {
  const log = startLogger("envd", asked.isVerbose ? "debug" : "info");
  await runMain(() => startEnvd(envdConfig(process.env, asked.port), { log }));
} else {
  const commit = typeof SANDLOT_COMMIT === "undefined" ? "unknown" : SANDLOT_COMMIT;
  process.stdout.write(`${asked.wants === "version" ? ENVD_VERSION : commit}\n`);
}
