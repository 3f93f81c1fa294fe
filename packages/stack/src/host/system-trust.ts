/** The installation's certificate authority in the host's own list of what it trusts. */
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "@sandlot/host";
import { stackFaults } from "../faults";
import { pathsOf } from "../paths";
import type { Settings } from "../settings";

/** Debian's folder for certificates that an administrator adds. */
const LOCAL = "/usr/local/share/ca-certificates";

export type Trust = { readonly path: string; readonly hasChanged: boolean };

/** @throws Fault `stack_not_running` before the first `up`; what update-ca-certificates says when it fails */
export async function trustAuthority(settings: Pick<Settings, "dataDir" | "tag">, dir = LOCAL): Promise<Trust> {
  const { edgeCa } = pathsOf(settings.dataDir);
  if (!existsSync(edgeCa)) throw stackFaults.not_running({ dataDir: settings.dataDir });
  const path = join(dir, `sandlot-${settings.tag}.crt`);
  const pem = readFileSync(edgeCa, "utf8");
  if (existsSync(path) && readFileSync(path, "utf8") === pem) return { path, hasChanged: false };
  writeFileSync(path, pem, { mode: 0o644 });
  await run(["update-ca-certificates"]);
  return { path, hasChanged: true };
}

/** @returns whether there was something to take away */
export async function distrustAuthority(settings: Pick<Settings, "tag">, dir = LOCAL): Promise<Trust> {
  const path = join(dir, `sandlot-${settings.tag}.crt`);
  if (!existsSync(path)) return { path, hasChanged: false };
  rmSync(path);
  await run(["update-ca-certificates", "--fresh"]);
  return { path, hasChanged: true };
}

export function isAuthorityTrusted(settings: Pick<Settings, "tag">, dir = LOCAL): boolean {
  return existsSync(join(dir, `sandlot-${settings.tag}.crt`));
}
