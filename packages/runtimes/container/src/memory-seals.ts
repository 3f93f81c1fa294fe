/** Memory, as far as the runtime as a whole is concerned: which CRIU, whether it works, what a restore is told. */
import { join } from "node:path";
import { machineFaults, type RuntimeCapabilities, type Seal, type SealRequest } from "@sandlot/runtime-contract";
import { CheckedFiles, type LaunchPair } from "@sandlot/runtime-host";
import type { ContainerRuntimeConfig } from "./config";
import type { ContainerMachine } from "./machine";
import { CRIU_CACHE_PREFIX, proveMemorySeals } from "./prove-memory";
import { checkSeal, layOutImages } from "./restore";
import type { StartRequest } from "./runtime";
import { type SealTools, sealMachine } from "./seal";

/** In a machine's directory while it is being restored. */
export const IMAGES_DIR = "images";

type MemoryCapabilities = Pick<
  RuntimeCapabilities,
  "memorySnapshots" | "memorySnapshotsProblem" | "filesystemSnapshots"
>;

export class MemorySeals {
  readonly #of: { config: ContainerRuntimeConfig; bootId: string };
  readonly #checked = new CheckedFiles();
  /** Why memory cannot be sealed; believed to work until the proof. */
  #problem: string | undefined;

  constructor(of: { config: ContainerRuntimeConfig; bootId: string }) {
    this.#of = of;
    this.#problem = of.config.criuPath === undefined ? "CRIU 4.2.1 or newer is not installed" : undefined;
  }

  get capabilities(): MemoryCapabilities {
    if (this.#problem === undefined) return { memorySnapshots: true, filesystemSnapshots: true };
    return { memorySnapshots: false, memorySnapshotsProblem: this.#problem, filesystemSnapshots: true };
  }

  /** @returns what is to be noted of it */
  async prove(start: (request: StartRequest) => Promise<ContainerMachine>, signal: AbortSignal): Promise<string[]> {
    const { config } = this.#of;
    if (config.criuPath === undefined) return [];
    this.#problem = await proveMemorySeals({ config, criuPath: config.criuPath, start, signal });
    return [this.#problem ?? `machines are sealed with their memory by ${config.criuPath}`];
  }

  /** What the launcher is told of a restore, next to nothing for a fresh start.
   * @throws Fault `machine_seal_unreadable` */
  async layOut(of: { request: StartRequest; dir: string; idBase: number }): Promise<readonly LaunchPair[]> {
    const from = of.request.restore;
    if (from === undefined) return [["init_argument", of.request.initArgument]];
    const criu = this.#criu();
    if (criu === undefined) throw machineFaults.seal_unreadable({ reason: "this host has no CRIU" });
    await checkSeal(from, this.#checked);
    const to = join(of.dir, IMAGES_DIR);
    const large = await layOutImages({ from, to, idBase: of.idBase });
    return [
      ["restore_dir", to],
      ["criu", criu.path],
      ["criu_cache", criu.cachePath],
      ["new_identity", from.identity === "new" ? 1 : undefined],
      ...large.map((path) => ["restore_file", path] as const),
    ];
  }

  /** @param of.dir the machine's own directory
   * @throws Fault `machine_unsealable`, `machine_seal_failed` */
  async seal(of: { dir: string; request: SealRequest; signal: AbortSignal }): Promise<Seal> {
    const criu = this.#criu();
    if (of.request.memory && criu === undefined) throw machineFaults.unsealable({ reason: "this host has no CRIU" });
    return sealMachine({ ...of, tools: { launcherPath: this.#of.config.launcherPath, criu } });
  }

  #criu(): SealTools["criu"] {
    const { bootId, config } = this.#of;
    if (config.criuPath === undefined) return undefined;
    return { path: config.criuPath, cachePath: join(config.nodeDir, `${CRIU_CACHE_PREFIX}${bootId}`) };
  }
}
