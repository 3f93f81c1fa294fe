/** Writes a paused machine down: its disk as changed pages, its memory by a snapshot of Firecracker's. */
import { chmod, mkdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { machineFaults, type Seal, type SealedFile, type SealRequest } from "@sandlot/runtime-contract";
import { type CheckedFiles, isThere, syncAndDigest, syncDirectory } from "@sandlot/runtime-host";
import { copySparsely } from "@sandlot/runtime-microvm";
import { planSnapshot } from "../api/boot-requests";
import type { FirecrackerApi } from "../api/client";
import { writeDiskDiff } from "../disks/own-disk";
import type { MachinePlaces, MachineRecord } from "../journal";
import { limits } from "../limits";
import { type About, processorsOf, SEAL_FORMAT } from "./about";
import {
  ABOUT_NAME,
  BASE_NAME,
  DIFF_NAME,
  rememberedBase,
  rememberSealed,
  STATE_NAME,
  writeChanges,
  writeFull,
} from "./memory-files";

export const LAYER_NAME = "disk.raw-diff";

export type SealOf = {
  readonly record: MachineRecord;
  readonly places: MachinePlaces;
  readonly api: FirecrackerApi;
  readonly checked: CheckedFiles;
  readonly processor: string;
  readonly request: SealRequest;
};

/**
 * The machine is paused before and after, whatever comes of it.
 * @throws Fault `machine_seal_failed`; the signal's reason
 */
export async function sealMachine(of: SealOf, signal: AbortSignal): Promise<Seal> {
  try {
    return await writeSeal(of, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    if (isFault(thrown, "machine_seal_failed") || isFault(thrown, "machine_unsealable")) throw thrown;
    throw machineFaults.seal_failed({ reason: (thrown as Error).message }, thrown);
  }
}

async function writeSeal(of: SealOf, signal: AbortSignal): Promise<Seal> {
  const { directory, memory } = of.request;
  signal.throwIfAborted();
  if ((await of.api.phase()) !== "paused") throw machineFaults.seal_failed({ reason: "the machine is not frozen" });
  const memoryDir = join(directory, "memory");
  let kind: "Full" | "Diff" = "Full";
  if (memory) {
    await mkdir(memoryDir, { mode: 0o755 });
    kind = await takeSnapshot(of);
  }
  const layerPath = join(directory, LAYER_NAME);
  const { layers, diskBase } = of.record;
  const diffs = layers.filter(({ kind }) => kind === "raw-diff").length;
  const standsAlone = diffs === 0 || diffs >= limits.diskDiffs;
  const below = standsAlone ? undefined : diskBase;
  await writeDiskDiff({ disk: join(of.places.own, "disk.img"), below, to: layerPath }, signal);
  await of.request.onWritten?.();
  const files = memory ? await finishMemory({ ...of, memoryDir, kind }, signal) : undefined;
  const layer = await syncAndDigest(layerPath);
  await syncDirectory(directory);
  signal.throwIfAborted();
  return {
    layer: {
      kind: "raw-diff",
      name: LAYER_NAME,
      ...layer,
      ...(diffs > 0 && standsAlone ? { replacesDisks: true } : {}),
    },
    ...(files === undefined ? {} : { memory: { runtime: "firecracker", format: SEAL_FORMAT, files } }),
  };
}

/**
 * From here on until a seal is complete nothing is known of what has changed since the last one: Firecracker forgets it as
 * soon as it has written it. So the note of the last one is put aside first; whoever finds none writes everything.
 */
async function takeSnapshot({ api, places }: SealOf): Promise<"Full" | "Diff"> {
  const kind = (await isThere(places.sealed)) ? "Diff" : "Full";
  await rm(asideOf(places), { recursive: true, force: true });
  if (kind === "Diff") await rename(places.sealed, asideOf(places));
  for (const name of ["memory", "vmstate"]) await truncate(join(places.own, name), 0);
  // Not broken off by a signal: the answer says when Firecracker is free for the next request.
  await api.ask(planSnapshot(kind), { phase: "paused", timeoutMs: limits.snapshotMs });
  return kind;
}

function asideOf(places: MachinePlaces): string {
  return `${places.sealed}.last`;
}

async function finishMemory(
  of: SealOf & { memoryDir: string; kind: "Full" | "Diff" },
  signal: AbortSignal,
): Promise<SealedFile[]> {
  const { memoryDir, places } = of;
  const from = join(places.own, "memory");
  const last = asideOf(places);
  let written: "whole" | "diff" = "whole";
  if (of.kind === "Full") await writeFull({ from, to: memoryDir }, signal);
  else written = await writeChanges({ from, last, to: memoryDir }, signal);
  await copySparsely(join(places.own, "vmstate"), join(memoryDir, STATE_NAME));
  await chmod(join(memoryDir, STATE_NAME), 0o644); // every machine's user reads it
  await writeFile(join(memoryDir, ABOUT_NAME), JSON.stringify(aboutOf(of)), { mode: 0o644 });
  const digest = async (name: string): Promise<SealedFile> => {
    return { name, ...(await syncAndDigest(join(memoryDir, name))) };
  };
  const base = written === "diff" ? await rememberedBase(last) : await digest(BASE_NAME);
  const others = [...(written === "diff" ? [DIFF_NAME] : []), STATE_NAME, ABOUT_NAME];
  const files = [base, ...(await Promise.all(others.map(digest)))];
  for (const file of files) await of.checked.trust(join(memoryDir, file.name), file);
  await syncDirectory(memoryDir);
  signal.throwIfAborted();
  await rememberSealed({ from: memoryDir, to: places.sealed, base });
  await rm(last, { recursive: true, force: true });
  for (const name of ["memory", "vmstate"]) await truncate(join(places.own, name), 0);
  return files;
}

function aboutOf({ record, processor }: SealOf): About {
  return {
    firecracker: record.firecracker,
    processor,
    kernel: record.kernel,
    guestLayer: record.guestLayerSha256,
    cpuCount: processorsOf(record.limits),
    memoryMiB: record.limits.memoryMiB,
    hostLink: record.slot?.hostLink ?? "",
  };
}
