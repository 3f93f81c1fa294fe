/** A start, from the request to a guest that runs. What it leaves when it fails is the caller's to remove. */
import { join } from "node:path";
import { type LayerRef, type MachineSlot, machineFaults, type StartMachine } from "@sandlot/runtime-contract";
import { isAlive, type ProcessRecord, writeRecord } from "@sandlot/runtime-host";
import { ensureLayerImage, type GuestKernel, loadGuestKernel } from "@sandlot/runtime-microvm";
import { bootArgs, INSIDE, type Metadata } from "./api/boot-requests";
import { FirecrackerApi } from "./api/client";
import type { InstalledVersion } from "./binaries/binaries";
import { bootGuest, loadGuest, openApi, untilGuestRuns } from "./boot";
import { takeLayersFile } from "./disks/layers-file";
import { takeDiskBase } from "./disks/own-disk";
import { agentOf } from "./guest";
import { layOutChroot } from "./jail/chroot";
import { planJailerLine } from "./jail/jailer-line";
import { makeTap } from "./jail/tap";
import { startVmm } from "./jail/vmm-process";
import { type MachineRecord, placesOf } from "./journal";
import type { FirecrackerRooms } from "./runtime";
import { type About, type Here, processorsOf, readProcessor } from "./seals/about";
import { BASE_NAME, rememberSealed, STATE_NAME } from "./seals/memory-files";
import { checkSeal, takeMemoryFile } from "./seals/restore";

export type Launched = {
  readonly record: MachineRecord;
  readonly process: ProcessRecord;
  /** Settles when Firecracker has ended. */
  readonly exited: Promise<unknown>;
};

type LaunchOf = {
  readonly rooms: FirecrackerRooms;
  readonly request: StartMachine;
  readonly userId: number;
  readonly signal: AbortSignal;
};

export async function launchMachine(of: LaunchOf): Promise<Launched> {
  const { request, rooms, signal } = of;
  const { trees, diffs } = sortLayers(request.build.layers);
  const kernel = await kernelOf(rooms, signal);
  const images = await imagesOf(of, trees, kernel);
  const guestLayerSha256 = await rooms.images.of(images[0] ?? "");
  const about = await readAbout(of, { kernel: kernel.sha256, guestLayer: guestLayerSha256 });
  const version = await rooms.binaries.install(about?.firecracker, signal);
  const { disks: cache } = rooms;
  const { diskMiB } = request.limits;
  using layersFile = await takeLayersFile({ cache, images, signal });
  using diskBase = await takeDiskBase({ cache, blankDir: layersDirOf(rooms), diffs, diskMiB, signal });
  using memory = request.restore && (await takeMemoryFile({ from: request.restore, cache, signal }));
  const files = { layers: layersFile.path, disk: diskBase.path, memory: memory?.path };
  const record = recordOf({ of, kernel, guestLayerSha256, files, firecracker: version.version });
  const { dir } = placesOf(rooms.machinesDir, request.machineId);
  await writeRecord(dir, record);
  signal.throwIfAborted();
  const vmm = await closeIn({ of, version, kernel, files, record });
  await bringUp({ ...of, record, about, layers: images.length, process: vmm.process });
  const whole = { ...record, isUp: true };
  await writeRecord(dir, whole);
  signal.throwIfAborted();
  return { record: whole, process: vmm.process, exited: vmm.exited };
}

type Files = { readonly layers: string; readonly disk: string; readonly memory: string | undefined };

function recordOf(by: {
  of: LaunchOf;
  kernel: GuestKernel;
  guestLayerSha256: string;
  files: Files;
  firecracker: string;
}): MachineRecord {
  const { files, kernel, of } = by;
  const { machineId, limits, slot, hostname, build } = of.request;
  return {
    version: 1,
    machineId,
    buildId: build.buildId,
    limits,
    slot,
    hostname,
    userId: of.userId,
    firecracker: by.firecracker,
    layers: build.layers,
    guestLayerDir: guestLayerOf(of),
    guestLayerSha256: by.guestLayerSha256,
    files: [files.layers, files.disk, ...(files.memory === undefined ? [] : [files.memory])],
    diskBase: files.disk,
    isUp: false,
    kernel: { version: kernel.version, sha256: kernel.sha256 },
    metadata: metadataOf(of.request),
    hostBootId: of.rooms.bootId,
  };
}

/** Chroot, tap and jailer: from here on a Firecracker waits for requests, and can reach nothing but what is the machine's. */
async function closeIn(by: {
  of: LaunchOf;
  version: InstalledVersion;
  kernel: GuestKernel;
  files: Files;
  record: MachineRecord;
}): Promise<{ process: ProcessRecord; exited: Promise<unknown> }> {
  const { files, kernel, version } = by;
  const { request, rooms, signal, userId } = by.of;
  const places = placesOf(rooms.machinesDir, request.machineId);
  const start =
    request.restore === undefined || files.memory === undefined
      ? { [INSIDE.kernel]: kernel.vmlinuxPath, [INSIDE.initramfs]: kernel.initramfsPath }
      : { [INSIDE.memory]: files.memory, [INSIDE.state]: join(request.restore.directory, STATE_NAME) };
  await layOutChroot({ places, userId, diskBase: files.disk, shared: { [INSIDE.layers]: files.layers, ...start } });
  await makeTap(request.slot, userId);
  signal.throwIfAborted();
  const { cgroups } = rooms;
  const { limits, slot } = request;
  const line = planJailerLine({ version, places, cgroups, userId, netnsPath: slot.netnsPath, limits });
  return startVmm({ line, dir: places.dir, consolePath: places.console });
}

async function bringUp(
  of: LaunchOf & { record: MachineRecord; about: About | undefined; layers: number; process: ProcessRecord },
): Promise<void> {
  const { about, record, request, rooms, signal } = of;
  const places = placesOf(rooms.machinesDir, record.machineId);
  const { clock } = rooms.parts;
  const hasEnded = async (): Promise<boolean> => !(await isAlive(of.process));
  const api = new FirecrackerApi({ jailId: places.jailId, root: places.root, clock, hasEnded });
  const withAgent = agentOf(places.root);
  const { hostLink } = request.slot;
  const { metadata } = record;
  await openApi(api, record.firecracker, signal);
  if (request.restore === undefined || about === undefined) {
    const plan = {
      processors: processorsOf(request.limits),
      memoryMiB: request.limits.memoryMiB,
      bootArgs: bootArgs({ hostname: request.hostname, slot: request.slot, limits: request.limits, layers: of.layers }),
      hostLink,
      disks: true,
      rates: rooms.config.rates ?? {},
      metadata,
    };
    await bootGuest(api, plan, signal);
    const { machineId } = record;
    return untilGuestRuns({ machineId, clock, consolePath: places.console, withAgent, hasEnded, signal });
  }
  const otherLink = about.hostLink === hostLink ? undefined : hostLink;
  await loadGuest({ api, plan: { otherLink, metadata }, hasMetadata: about.hostLink !== "" }, signal);
  const { identity } = request.restore;
  await withAgent((agent) => agent.resume(resumeOf({ request, slot: request.slot, identity })));
  const base = request.restore.memory.files.find(({ name }) => name === BASE_NAME);
  if (base !== undefined) await rememberSealed({ from: request.restore.directory, to: places.sealed, base });
}

function resumeOf(of: { request: StartMachine; slot: MachineSlot; identity: "keep" | "new" }) {
  const who = { hostname: of.request.hostname, gateway: of.slot.guestGateway };
  return {
    entropy: crypto.getRandomValues(new Uint8Array(64)),
    ...(of.identity === "new" ? { identity: who } : {}),
    network: true,
    pidsMax: of.request.limits.pidsMax,
    thaw: true,
  };
}

/** What the guest finds at its metadata address until its sandbox is known: nothing secret. */
function metadataOf(request: StartMachine): Metadata {
  return { instanceID: request.machineId, envID: request.build.buildId };
}

/** Newest first: the disks on top, then trees. @throws Fault `machine_layer_unfit` */
function sortLayers(layers: readonly LayerRef[]): { trees: LayerRef[]; diffs: string[] } {
  const trees = layers.filter(({ kind }) => kind === "erofs" || kind === "directory");
  const diffs = layers.filter(({ kind }) => kind === "raw-diff");
  const strange = layers.find((layer) => !trees.includes(layer) && !diffs.includes(layer));
  const misplaced =
    diffs.length === 0 ? undefined : layers.slice(0, diffs.length).find(({ kind }) => kind !== "raw-diff");
  const unfit = strange ?? misplaced;
  if (unfit !== undefined) throw machineFaults.layer_unfit({ runtime: "firecracker", layer: unfit.path });
  return { trees, diffs: diffs.map(({ path }) => path) };
}

async function readAbout(
  { request, rooms }: LaunchOf,
  guest: Pick<Here, "kernel" | "guestLayer">,
): Promise<About | undefined> {
  if (request.restore === undefined) return undefined;
  const { limits } = request;
  const here = { ...guest, processor: await readProcessor(), limits, versions: rooms.binaries.names };
  return checkSeal({ from: request.restore, checked: rooms.checked, here });
}

function guestLayerOf({ request, rooms }: LaunchOf): string {
  return request.guestLayerDir ?? rooms.config.guestLayerDir;
}

/** As partitions of one disk: guest layer, the build's trees newest first, the kernel's modules. */
async function imagesOf(of: LaunchOf, trees: readonly LayerRef[], kernel: GuestKernel): Promise<string[]> {
  const cacheDir = layersDirOf(of.rooms);
  const guestLayer: LayerRef = { kind: "directory", path: guestLayerOf(of) };
  const images = await Promise.all([guestLayer, ...trees].map((layer) => ensureLayerImage({ layer, cacheDir })));
  return [...images, kernel.modulesPath];
}

function layersDirOf(rooms: FirecrackerRooms): string {
  return join(rooms.config.nodeDir, "layers");
}

export async function kernelOf(rooms: FirecrackerRooms, signal: AbortSignal): Promise<GuestKernel> {
  const { guestInitPath: initPath, kernelDir: directory } = rooms.config;
  const provisioned = await loadGuestKernel({ directory, initPath });
  const other = await rooms.binaries.kernel(signal);
  if (other === undefined) return provisioned;
  return { ...provisioned, sha256: `${other.sha256}+${provisioned.sha256}`, vmlinuxPath: other.path };
}
