/** Takes away what an installation made on this machine, and nothing else. */
import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "@sandlot/faults";
import { distrustAuthority } from "../host/system-trust";
import { removeUnit } from "../host/systemd-unit";
import { MACHINE_CACHE, pathsOf } from "../paths";
import type { Progress } from "../progress";
import { canonical, readSettings } from "../settings";
import { down } from "./down";

/** Everything that an installation ever makes directly below its directory. */
const OURS = [
  ...[
    "artifacts",
    "bucket-keys.json",
    "build-cache",
    "ca.crt",
    "edge",
    "egress-ca.pem",
    "guest-ca.pem",
    "logs",
    "lxcfs",
    "node",
    "postgres",
    "redis",
    "registry",
    "run",
  ],
  // Last: as long as it is there, uninstall can be asked again.
  ...["secrets.json", "stack.json"],
] as const;

export type Uninstalled = { readonly wasThere: boolean; readonly kept: readonly string[] };

/**
 * Ends everything, then removes the data, the unit, and with `withCache` the base layers and the CRIU that all installations of this
 * machine share. Debian packages stay.
 * @returns paths that somebody else put into our directories, and so stay
 * @throws Fault of `down` when something could not be ended; nothing is removed then
 */
export async function uninstall(of: {
  dataDir: string;
  withCache: boolean;
  progress: Progress;
  unitDir?: string;
  force?: AbortSignal;
}): Promise<Uninstalled> {
  const dataDir = canonical(of.dataDir);
  const { progress } = of;
  const kept: string[] = [];
  const wasThere = readSettings(dataDir) !== undefined;
  const unitDir = of.unitDir === undefined ? {} : { unitDir: of.unitDir };
  const unit = await removeUnit({ dataDir, ...unitDir }).catch((thrown: unknown) => {
    if (!(thrown instanceof Fault) || thrown.code !== "stack_unit_foreign") throw thrown;
    progress.say("kept", thrown.message);
  });
  if (unit !== undefined) progress.say("removed", unit);
  if (wasThere) {
    await down({ dataDir, progress, ...(of.force === undefined ? {} : { force: of.force }) });
    const { root } = pathsOf(dataDir);
    const settings = readSettings(dataDir);
    const trust = settings && (await distrustAuthority(settings));
    if (trust?.hasChanged === true) progress.say("removed", trust.path);
    for (const name of OURS) rmSync(join(root, name), { recursive: true, force: true });
    kept.push(...removeIfEmpty(root));
    progress.say("removed", dataDir);
  }
  if (of.withCache && existsSync(MACHINE_CACHE)) {
    for (const name of ["base", "criu", "layers"]) rmSync(join(MACHINE_CACHE, name), { recursive: true, force: true });
    kept.push(...removeIfEmpty(MACHINE_CACHE));
    progress.say("removed", MACHINE_CACHE);
  }
  return { wasThere, kept };
}

/** @returns what is in it still */
function removeIfEmpty(dir: string): string[] {
  const left = readdirSync(dir).map((name) => join(dir, name));
  if (left.length === 0) rmdirSync(dir);
  return left;
}
