import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { isFault } from "@sandlot/faults";
import { layersBelow, type Machine, type Seal } from "@sandlot/runtime-contract";
import {
  type ArtifactStore,
  type BuildManifest,
  type ManifestLayer,
  type StagedBuild,
  storedMemoryBytes,
} from "@sandlot/storage";
import type { CrashHook } from "../crash-points";
import { nodeFaults } from "../faults";
import { type Guest, type GuestParts, type StageTimes, stopwatch } from "../guests/guest";
import { requireSealRoom } from "../info/disk-watermark";
import { limits } from "../limits";
import type { SealBytes } from "../sandboxes/entries";
import { memoryProblem } from "./memory-problem";
import { type SealedIdentity, writeIdentity } from "./sealed-identity";

export type SealParts = Pick<GuestParts, "runtimes" | "artifacts" | "artifactsPath" | "crash"> & {
  readonly diskReserveMiB: number | undefined;
};

export type SealGuest = {
  readonly guest: Guest;
  readonly buildId: string;
  readonly memory: boolean;
  /** Whose processes they are, for whoever gives a copy of them another identity. */
  readonly identity: SealedIdentity;
  /** Thaw as soon as everything is written down, before it is synced, hashed and committed. */
  readonly thaw: boolean;
  readonly at: "pause" | "checkpoint";
  readonly times: StageTimes;
};

/**
 * Makes a build of what a machine is now: freezes it, writes it down, commits it. The build is whole and on the disk when
 * this resolves. The machine stays frozen, on failure too, unless `thaw` let it go.
 * @throws Fault `node_no_memory_snapshots`, `node_disk_low_for_seal`, `node_not_frozen`, `machine_unsealable`, `machine_seal_failed`
 */
export async function sealAsBuild(parts: SealParts, of: SealGuest, signal: AbortSignal): Promise<SealBytes> {
  const { guest, at } = of;
  await requireSealable(parts, of);
  const step = stepsOf(parts.crash, at);
  const lap = stopwatch(of.times);
  await using staged = await parts.artifacts.stage({ layers: guest.origin.layers });
  await step("staged");
  lap("stage");
  await freeze(guest.machine);
  await step("frozen");
  lap("freeze");
  const onWritten = async (): Promise<void> => {
    lap("written");
    if (!of.thaw) return;
    await guest.machine.thaw();
    await parts.crash("checkpoint.thawed");
  };
  const seal = await guest.machine.seal({ directory: staged.directory, memory: of.memory, onWritten }, signal);
  // A runtime that does not say when it has written all has done so by now.
  if (of.thaw) await guest.machine.thaw();
  await step("sealed");
  lap("seal");
  const kernel = parts.runtimes.of(guest.shape.runtime).facts?.kernel;
  const manifest = await manifestOf(of, { seal, staged, kernel });
  const committed = await commit(parts, { manifest, staged, layer: seal.layer.name });
  await step("committed");
  lap("commit");
  return bytesOf(committed);
}

async function freeze(machine: Machine): Promise<void> {
  try {
    await machine.freeze();
  } catch (thrown) {
    if (isFault(thrown) && thrown.kind === "timed_out") throw nodeFaults.not_frozen({ reason: thrown.message }, thrown);
    throw thrown;
  }
}

/** A build that is there although committing it failed would, after a crash, count as what the sandbox was last. */
async function commit(parts: SealParts, of: Parameters<ArtifactStore["commit"]>[0]): Promise<BuildManifest> {
  const { buildId } = of.manifest;
  try {
    return await parts.artifacts.commit(of);
  } catch (thrown) {
    await parts.artifacts.remove([buildId], AbortSignal.timeout(limits.removeMs)).catch(() => undefined);
    throw thrown;
  }
}

/** What the build itself takes on the disk: its newest layer and its memory. */
export function bytesOf(manifest: BuildManifest): SealBytes {
  return { disk: manifest.layers[0]?.sizeBytes ?? 0, memory: storedMemoryBytes(manifest) };
}

/** Before anything is frozen. @throws Fault `node_no_memory_snapshots`, `node_disk_low_for_seal` */
export async function requireSealable(parts: SealParts, of: Pick<SealGuest, "guest" | "memory">): Promise<void> {
  const { machine } = of.guest;
  if (of.memory) {
    const runtime = parts.runtimes.of(of.guest.shape.runtime);
    const reason = memoryProblem({ ...parts, runtime, recipe: { guestLayer: machine.guestLayerDir } });
    if (reason !== undefined) throw nodeFaults.no_memory_snapshots({ reason });
  }
  const layers = of.guest.origin.layers.length;
  if (layers >= limits.layersMax) throw nodeFaults.layers_full({ layers });
  const { memoryUsedBytes, diskUsedBytes } = await machine.stats();
  const wantedBytes = diskUsedBytes + (of.memory ? memoryUsedBytes : 0);
  await requireSealRoom({ path: parts.artifactsPath, reserveMiB: parts.diskReserveMiB, wantedBytes });
}

async function manifestOf(
  of: SealGuest,
  { seal, staged, kernel }: { seal: Seal; staged: StagedBuild; kernel: string | undefined },
): Promise<BuildManifest> {
  const manifest: BuildManifest = {
    ...of.guest.origin,
    version: 2,
    buildId: of.buildId,
    createdAt: new Date().toISOString(),
    layers: [layerOf(seal), ...layersBelow(seal.layer, of.guest.origin.layers)],
    // What a machine was on its runtime no other can go on with.
    runtimes: [of.guest.shape.runtime],
    ...(kernel === undefined ? {} : { kernel }),
  };
  if (seal.memory === undefined) return manifest;
  const memoryDir = join(staged.directory, "memory");
  await mkdir(memoryDir, { recursive: true });
  const identity = await writeIdentity(memoryDir, of.identity);
  const files = [...seal.memory.files, identity];
  return { ...manifest, memory: { ...seal.memory, files, guestLayer: basename(of.guest.machine.guestLayerDir) } };
}

function layerOf({ layer: { sha256, sizeBytes, kind } }: Seal): ManifestLayer {
  return { sha256, sizeBytes, ...(kind === "erofs" ? {} : { kind }) };
}

type Step = "staged" | "frozen" | "sealed" | "committed";

function stepsOf(crash: CrashHook, at: SealGuest["at"]): (step: Step) => Promise<void> | undefined {
  return (step) => crash(`${at}.${step}`);
}
