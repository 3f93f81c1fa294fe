import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Runtime } from "@sandlot/runtime-contract";
import { CheckedFiles, type IdPlan, IdRanges, readCgroupLayout, readHostBootId } from "@sandlot/runtime-host";
import { Binaries } from "./binaries/binaries";
import type { FirecrackerRuntimeConfig, FirecrackerRuntimeParts } from "./config";
import { FileCache } from "./disks/file-cache";
import { ImageDigests } from "./disks/image-digests";
import { JailCgroups } from "./jail/cgroups";
import { limits } from "./limits";
import { FirecrackerRuntime } from "./runtime";

const USER_IDS: IdPlan = {
  firstHostId: limits.firstUserId,
  idsPerRange: 1,
  rangesPerTag: limits.idsPerTag,
  tagRegions: limits.tagRegions,
};

/**
 * Opens the Firecracker runtime of one node directory. Machines are neither touched nor adopted until `list` or `sweep`, and no
 * binary is fetched until `probe` or the first start. Disposing of it leaves machines running.
 */
export async function startFirecrackerRuntime(
  config: FirecrackerRuntimeConfig,
  parts: FirecrackerRuntimeParts,
): Promise<Runtime> {
  const { nodeDir, tag } = config;
  const machinesDir = join(nodeDir, "machines");
  // What lies in them is for root, and for machines by links in their own roots: disks and memories are users' own.
  await mkdir(nodeDir, { recursive: true, mode: 0o700 });
  await mkdir(machinesDir, { recursive: true, mode: 0o700 });
  const disks = new FileCache(join(nodeDir, "disks"));
  await disks.open();
  return new FirecrackerRuntime({
    config,
    parts,
    machinesDir,
    binaries: new Binaries({ dir: join(nodeDir, "binaries"), config }),
    disks,
    cgroups: new JailCgroups({ layout: await readCgroupLayout(), tag }),
    ids: new IdRanges({ plan: USER_IDS, dir: join(nodeDir, "ids"), tag, nowMs: parts.clock.nowMs() }),
    bootId: await readHostBootId(),
    checked: new CheckedFiles(),
    images: new ImageDigests(),
  });
}
