/** From a request to files in the machine's directory and a command line. Starts nothing. */
import { chmod, copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { LayerRef, StartMachine } from "@sandlot/runtime-contract";
import type { LaunchPair } from "@sandlot/runtime-host";
import { ensureBlankDisk, ensureLayerImage, GUEST_MAC, guestCommandLine, HOST_MAC } from "@sandlot/runtime-microvm";
import { diskNodes, layersNodes } from "./block-nodes";
import { type BoundName, cpuModelFor, LIBRARY_IN_TREE, type QemuPlan, qemuCommandLine } from "./command-line";
import { OpenFiles } from "./descriptors";
import { type DiskChain, ensureEmptyOverlay, planDiskChain } from "./disk-chain";
import type { QemuHost } from "./host";
import type { Acceleration, MachineRecord } from "./journal";
import { limits } from "./limits";
import { DEVICE_STATE_MAX_BYTES } from "./seals/seal-format";

/** The machine's own writable disk. */
export const DISK_NAME = "disk.qcow2";
/** A trial has no slot; it is told of one that nothing is plugged into. */
const NO_SLOT = { guestCidr: "169.254.0.21/30", guestGateway: "169.254.0.22", mtu: 1500 };

/** A machine without a slot and without disks is a trial: its guest's init says that it runs, and no more. */
export type StartRequest = Omit<StartMachine, "slot"> & { readonly slot: StartMachine["slot"] | null };

export type PlannedMachine = {
  readonly record: MachineRecord;
  readonly launchPairs: readonly LaunchPair[];
};

export type RestoreFiles = {
  /** Mapped privately as the guest's memory. */
  readonly memoryPath: string;
  readonly deviceStatePath: string;
  /** What its guest was told of the host it was sealed on. */
  readonly sealed: { readonly tscKhz: number };
};

export async function planMachine(of: {
  request: StartRequest;
  dir: string;
  uid: number;
  acceleration: Acceleration;
  host: QemuHost;
  bootId: string;
  cacheDir: string;
  guestLayerDir: string;
  restore: RestoreFiles | undefined;
}): Promise<PlannedMachine> {
  const { request, dir, uid, acceleration, host, restore } = of;
  const files = new OpenFiles();
  const disks = await planDisks({ ...of, files });
  const cpuModel = cpuModelFor(acceleration);
  const binds: [BoundName, string][] = [];
  if (restore === undefined) {
    binds.push(["kernel", host.kernel.vmlinuxPath], ["initramfs", host.kernel.initramfsPath]);
  } else binds.push(["memory", restore.memoryPath]);
  const plan: QemuPlan = {
    acceleration,
    cpuModel,
    cpuCount: request.limits.cpuCount,
    memoryMiB: request.limits.memoryMiB,
    blockNodes: disks.nodes,
    disks: disks.nodes.length === 0 ? [] : ["layers", "disk"],
    files: files.all,
    network: request.slot !== null,
    from:
      restore === undefined
        ? { kind: "boot", commandLine: commandLineFor(of, disks.images.length) }
        : { kind: "restore" },
  };
  return {
    record: recordOf({
      ...of,
      cpuModel,
      diskChain: disks.chain,
      layerImages: disks.images,
      tscKHz: restore?.sealed.tscKhz ?? host.tscKHz,
    }),
    launchPairs: [
      ["machine_dir", dir],
      ["tree", host.tree.path],
      ["uid", uid],
      ["kvm", acceleration === "kvm" ? 1 : undefined],
      ["preload", restore === undefined ? undefined : LIBRARY_IN_TREE],
      ["restore_state", restore?.deviceStatePath],
      ["state_kib", DEVICE_STATE_MAX_BYTES >> 10],
      ["await_notice", restore === undefined ? 1 : undefined],
      ["file_mib", request.limits.diskMiB + Math.ceil(request.limits.diskMiB / 50) + limits.imageExtraMiB],
      ...networkPairs(request),
      ...files.all.map(({ path, mode }): LaunchPair => ["open", `${mode} ${path}`]),
      ...binds.map(([name, path]): LaunchPair => ["bind", `ro ${name} ${path}`]),
      ...qemuCommandLine(plan).map((word): LaunchPair => ["arg", word]),
    ],
  };
}

function networkPairs({ slot }: StartRequest): LaunchPair[] {
  if (slot === null) return [];
  return [
    ["netns", slot.netnsPath],
    ["host_link", slot.hostLink],
    ["host_cidr", `${slot.guestGateway}/${slot.guestCidr.split("/")[1]}`],
    ["host_mac", HOST_MAC],
    ["guest_address", slot.guestCidr.split("/")[0]],
    ["guest_mac", GUEST_MAC],
    ["mtu", slot.mtu],
  ];
}

function commandLineFor(
  of: { request: StartRequest; host: QemuHost; acceleration: Acceleration },
  layers: number,
): string {
  const { request, host } = of;
  const told = guestCommandLine({
    hostname: request.hostname,
    slot: request.slot ?? NO_SLOT,
    limits: request.limits,
    layers,
    ...(of.acceleration === "tcg" ? { tscKHz: host.tscKHz } : {}),
    agent: "virtio",
    console: "quiet",
  });
  return layers === 0 ? `${told} sandlot.probe` : told;
}

type Disks = {
  readonly nodes: readonly object[];
  readonly chain: readonly string[];
  readonly images: readonly string[];
};

/** The guest layer, the build's trees, the kernel's modules as one disk; the machine's own on the build's disks as the other. */
async function planDisks(of: {
  request: StartRequest;
  dir: string;
  host: QemuHost;
  cacheDir: string;
  guestLayerDir: string;
  files: OpenFiles;
}): Promise<Disks> {
  const { request, dir, cacheDir, files } = of;
  if (request.slot === null) return { nodes: [], chain: [], images: [] };
  const lies = await planDiskChain(request.build.layers);
  const trees: LayerRef[] = [{ kind: "directory", path: of.guestLayerDir }, ...lies.trees];
  const images = await Promise.all(trees.map((layer) => ensureLayerImage({ layer, cacheDir })));
  images.push(of.host.kernel.modulesPath);
  const own = join(dir, DISK_NAME);
  await copyFile(await emptyDisk({ ...of, lies }), own);
  await chmod(own, 0o644);
  const chain = [own, ...lies.chain];
  const nodes = [...(await layersNodes({ dir, images, files })), ...diskNodes(chain, files)];
  return { nodes, chain, images };
}

/** A file system of its own, or nothing but what lies below: as large as that where its guest has seen it, larger if asked. */
async function emptyDisk(of: { request: StartRequest; cacheDir: string; lies: DiskChain }): Promise<string> {
  const { cacheDir, lies, request } = of;
  const { diskMiB } = request.limits;
  if (lies.chain.length === 0) return ensureBlankDisk({ cacheDir, sizeMiB: diskMiB });
  const sizeBytes = request.restore === undefined ? Math.max(lies.chainBytes, diskMiB * 2 ** 20) : lies.chainBytes;
  return ensureEmptyOverlay({ cacheDir, sizeBytes });
}

function recordOf(of: {
  request: StartRequest;
  uid: number;
  acceleration: Acceleration;
  cpuModel: string;
  host: QemuHost;
  bootId: string;
  guestLayerDir: string;
  diskChain: readonly string[];
  layerImages: readonly string[];
  tscKHz: number;
}): MachineRecord {
  const { request, host } = of;
  return {
    version: 1,
    machineId: request.machineId,
    buildId: request.build.buildId,
    limits: request.limits,
    slot: request.slot,
    hostname: request.hostname,
    uid: of.uid,
    layers: request.build.layers,
    guestLayerDir: of.guestLayerDir,
    acceleration: of.acceleration,
    cpuModel: of.cpuModel,
    tscKHz: of.tscKHz,
    kernel: { version: host.kernel.version, sha256: host.kernel.sha256 },
    tree: host.tree.path,
    diskChain: of.diskChain,
    layerImages: of.layerImages,
    hostBootId: of.bootId,
  };
}
