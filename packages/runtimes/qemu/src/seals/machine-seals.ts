/** Seals and restores of this runtime's machines: what is needed of the host, of a live machine, of its directory. */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isFault } from "@sandlot/faults";
import { machineFaults, type Seal, type SealRequest } from "@sandlot/runtime-contract";
import { CheckedFiles } from "@sandlot/runtime-host";
import { cpuModelFor, HARDWARE } from "../command-line";
import { RESTORE_FD } from "../descriptors";
import type { QemuHost } from "../host";
import type { Acceleration } from "../journal";
import { limits as bounds } from "../limits";
import type { QemuMachine } from "../machine";
import type { StartRequest } from "../plan-machine";
import { sealedCpuModel } from "./processor";
import { goOn, loadSealed, type PlannedRestore, planRestore } from "./restore";
import { sealMachine } from "./seal";
import type { VmHost } from "./seal-format";

export class MachineSeals {
  readonly #checked = new CheckedFiles();

  /** Undefined for a request that boots. @throws Fault `machine_seal_unreadable` */
  async plan(of: {
    request: StartRequest;
    dir: string;
    host: QemuHost;
    acceleration: Acceleration;
  }): Promise<PlannedRestore | undefined> {
    const { acceleration, host, request } = of;
    const { limits, restore } = request;
    if (restore === undefined) return undefined;
    const here: VmHost = {
      qemuVersion: host.tree.version,
      accelerator: acceleration,
      cpuModel: await sealedCpuModel({ accelerator: acceleration, cpuModel: cpuModelFor(acceleration) }),
      tscKhz: host.tscKHz,
      kernel: { version: host.kernel.version, sha256: host.kernel.sha256 },
      hardware: HARDWARE,
    };
    return planRestore({ request: { limits, restore }, dir: of.dir, checked: this.#checked, host: here });
  }

  /** Of a machine whose QEMU waits for what it is to go on from. */
  async bringUp(
    of: { machine: QemuMachine; plan: PlannedRestore; request: StartRequest },
    signal: AbortSignal,
  ): Promise<void> {
    const { machine, plan, request } = of;
    const { memoryMiB } = request.limits;
    const gateway = request.slot?.guestGateway ?? "";
    await machine.withQmp(async (monitor) => {
      const loading = { plan, vmm: machine.parts.vmm, memoryMiB, monitor, stateFd: RESTORE_FD };
      await loadSealed(loading, signal).catch(async (thrown: unknown) => {
        signal.throwIfAborted();
        if (!isFault(thrown, "qemu_monitor_gone")) throw thrown;
        throw machineFaults.seal_unreadable({ reason: `QEMU ended: ${await lastLineOf(machine.parts.dir)}` }, thrown);
      });
      signal.throwIfAborted();
      await goOn({
        plan,
        request,
        gateway,
        monitor,
        withAgent: (work) => machine.withAgent(work, bounds.firstHelloMs),
      });
    });
    signal.throwIfAborted();
  }

  async seal(machine: QemuMachine, request: SealRequest, signal: AbortSignal): Promise<Seal> {
    const { dir, record, vmm } = machine.parts;
    const { acceleration, kernel, layerImages, tscKHz } = record;
    const cpuModel = await sealedCpuModel({ accelerator: acceleration, cpuModel: record.cpuModel });
    return sealMachine(
      {
        dir,
        vmm,
        uid: record.uid,
        withMonitor: (work) => machine.withQmp(work),
        chain: record.diskChain.slice(1),
        deviceState: { path: `/proc/${vmm.pid}/root/m/state`, inJail: "/m/state" },
        host: { accelerator: acceleration, cpuModel, tscKhz: tscKHz, kernel, hardware: HARDWARE },
        shape: record.limits,
        digestLayers: () => layersDigest(dir, layerImages),
        checked: this.#checked,
        request,
      },
      signal,
    );
  }
}

async function lastLineOf(machineDir: string): Promise<string> {
  const log = await readFile(join(machineDir, "vmm.log"), "utf8").catch(() => "");
  return log.trim().split("\n").at(-1) || "without a word";
}

/**
 * Of the layers disk: its own tables, which say where each image begins and ends, and the images' names, which stand for their
 * content. A guest that goes on knows the ones and holds parts of the others.
 */
async function layersDigest(dir: string, images: readonly string[]): Promise<string> {
  const names = (await readdir(dir)).filter((name) => name.startsWith("layers.") && name !== "layers.vmdk").sort();
  const hash = createHash("sha256").update(JSON.stringify(images.map((path) => basename(path))));
  for (const name of names) hash.update(await readFile(join(dir, name)));
  return hash.digest("hex");
}

/** Before anything of it is started. @throws Fault `machine_seal_unreadable` */
export async function requireSameLayers(
  plan: PlannedRestore,
  { dir, images }: { dir: string; images: readonly string[] },
): Promise<void> {
  if ((await layersDigest(dir, images)) === plan.sealed.layersSha256) return;
  throw machineFaults.seal_unreadable({ reason: "the layers make another disk than the one it was sealed on" });
}
