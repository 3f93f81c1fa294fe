import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { OrchestratorConfig } from "../config";
import { limits } from "../limits";

/** What every machine of this run is made with, whatever its shape. A warm machine of another recipe is out of date. */
export type MachineRecipe = {
  /** Directory that lies on top of a machine's layers as long as it lives: it must stay as it is until then. */
  readonly guestLayer: string;
  /** Of the guest layer's place, the launcher and the limits that no shape names. */
  readonly fingerprint: string;
};

/** A launcher that cannot be read is one of no content: the first start says what is wrong with it. */
export async function readMachineRecipe(
  config: Pick<OrchestratorConfig, "guestLayerDir" | "launcherPath" | "lxcfsDir">,
): Promise<MachineRecipe> {
  const launcher = await readFile(config.launcherPath).catch(() => Buffer.alloc(0));
  const parts = [config.guestLayerDir, config.lxcfsDir ?? "", String(limits.pidsPerMachine)];
  const fingerprint = createHash("sha256").update(parts.join("\0")).update("\0").update(launcher).digest("hex");
  return { guestLayer: config.guestLayerDir, fingerprint: fingerprint.slice(0, 16) };
}
