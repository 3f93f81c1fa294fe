/** Command line and environment of envd to its configuration. */
import { parseArgs } from "node:util";
import { type ConfigEntry, type Env, readEnv } from "@sandlot/config";
import type { EnvdConfig } from "./envd";
import { systemAccountFiles } from "./users";

/** What this envd behaves like; the version gates of the clients read it. */
export const ENVD_VERSION = "0.6.13";

const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export type CommandLine =
  | { readonly wants: "version" | "commit" }
  | { readonly wants: "serve"; readonly port: number; readonly isVerbose: boolean };

/** Upstream's flags, with one dash or two. @throws Error on an unknown one */
export function parseCommandLine(args: readonly string[]): CommandLine {
  const { values } = parseArgs({
    args: args.map((arg) => arg.replace(/^-(?=[a-z]{2})/, "--")),
    options: {
      port: { type: "string", default: "49983" },
      version: { type: "boolean", default: false },
      commit: { type: "boolean", default: false },
      verbose: { type: "boolean", default: false },
      // Taken, so that command lines for upstream's daemon work: there is no metadata service, the node keeps the cgroups.
      isnotfc: { type: "boolean", default: false },
      "cgroup-root": { type: "string" },
      "no-cgroups": { type: "boolean", default: false },
    },
  });
  if (values.version) return { wants: "version" };
  if (values.commit) return { wants: "commit" };
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new Error(`-port must be a port, got ${values.port}`);
  return { wants: "serve", port, isVerbose: values.verbose };
}

export function envdConfig(env: Env, port: number, seen: ConfigEntry[] = []): EnvdConfig {
  return readEnv(
    env,
    (read) => ({
      port,
      host: read.text("ENVD_HOST", "0.0.0.0"),
      version: ENVD_VERSION,
      searchPath: read.text("PATH", DEFAULT_PATH),
      forwardAddress: read.text("ENVD_FORWARD_ADDRESS", "169.254.0.21"),
      systemRoot: read.text("ENVD_SYSTEM_ROOT", ""),
      ownsMachine: read.flag("ENVD_OWNS_MACHINE", true),
      trimGrowthMiB: read.whole("ENVD_TRIM_GROWTH_MIB", { fallback: 0, min: 0, max: 65_536 }),
      accountFiles: {
        passwd: read.text("ENVD_PASSWD_FILE", systemAccountFiles.passwd),
        group: read.text("ENVD_GROUP_FILE", systemAccountFiles.group),
      },
    }),
    seen,
  );
}
