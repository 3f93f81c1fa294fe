import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { OrchestratorConfig } from "../config";
import { limits } from "../limits";

/** What every machine of this run is made with, whatever its shape. A warm machine of another recipe is out of date. */
export type MachineRecipe = {
  /** Directory that lies on top of a machine's layers as long as it lives: it must stay as it is until then. */
  readonly guestLayer: string;
  /** Of the guest layer's place, the launchers, the guests' kernel and the limits that no shape names. */
  readonly fingerprint: string;
};

/** A launcher that cannot be read is one of no content: the first start says what is wrong with it. */
export async function readMachineRecipe(
  config: Pick<OrchestratorConfig, "guestLayerDir" | "launcherPath" | "lxcfsDir" | "microVm">,
): Promise<MachineRecipe> {
  const { guestLayerDir, lxcfsDir = "", launcherPath, microVm } = config;
  const programs = [launcherPath, ...(microVm === undefined ? [] : [microVm.launcherPath, microVm.guestInitPath])];
  const hash = createHash("sha256");
  hash.update([guestLayerDir, lxcfsDir, String(limits.pidsPerMachine), microVm?.kernelDir ?? ""].join("\0"));
  for (const path of programs) hash.update("\0").update(await readFile(path).catch(() => Buffer.alloc(0)));
  return { guestLayer: guestLayerDir, fingerprint: hash.digest("hex").slice(0, 16) };
}
