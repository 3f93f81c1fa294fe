/** A guest under the plainest QEMU command line that boots it: no jail, no network, nothing but disks and ports. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { buildGuestInit } from "../build";
import {
  connectAgent,
  ensureBlankDisk,
  ensureLayerImage,
  type GuestAgent,
  type GuestKernel,
  guestCommandLine,
  loadGuestKernel,
  planLayersDisk,
  unixSocketStream,
  vmdkDescriptor,
} from "../src/index";
import { hostTscKHz } from "./tsc";

export type Guest = AsyncDisposable & {
  readonly dir: string;
  readonly socketPath: string;
  agent(): Promise<GuestAgent>;
  /** Lines that init told the host. */
  notices(): string[];
  /** Waits for a line that begins like this. */
  notice(begins: string): Promise<string>;
  /** QEMU has ended. */
  readonly ended: Promise<number>;
  cpuSeconds(): number;
};

export type Rig = Disposable & {
  readonly kernel: GuestKernel;
  readonly dir: string;
  /** `layers` newest first; none boots a guest that only answers. */
  boot(of: { layers: readonly string[]; name: string; words?: string }): Promise<Guest>;
  imageOf(directory: string): Promise<string>;
};

/** @param kernelDir as provisioning made it; the init is compiled anew */
export async function makeRig(kernelDir: string): Promise<Rig> {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-guest-"));
  const initPath = join(dir, "vm-init");
  await buildGuestInit(initPath);
  // An initramfs of its own, beside nobody else's.
  const directory = join(dir, "kernel");
  mkdirSync(directory);
  const linked = Bun.spawnSync(["cp", "-a", "--reflink=auto", "-s", `${kernelDir}/.`, directory]);
  if (linked.exitCode !== 0) throw new Error(String(linked.stderr));
  const kernel = await loadGuestKernel({ directory, initPath });
  const cacheDir = join(dir, "cache");
  const blank = await ensureBlankDisk({ cacheDir, sizeMiB: 256 });
  return {
    kernel,
    dir,
    imageOf: (path) => ensureLayerImage({ layer: { kind: "directory", path }, cacheDir }),
    boot: ({ layers, name, words = "" }) => boot({ dir: join(dir, name), kernel, blank, layers, words }),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

async function boot(of: {
  dir: string;
  kernel: GuestKernel;
  blank: string;
  layers: readonly string[];
  words: string;
}): Promise<Guest> {
  const { dir, kernel } = of;
  mkdirSync(dir);
  const line = guestCommandLine({
    hostname: "first-name",
    slot: { guestCidr: "169.254.0.21/30", guestGateway: "169.254.0.22", mtu: 1_400 },
    limits: { pidsMax: 100 },
    layers: of.layers.length + 1,
    tscKHz: hostTscKHz(),
    agent: "virtio",
    console: "quiet",
  });
  const path = (name: string): string => join(dir, name);
  writeFileSync(path("notices"), "");
  const serial = [
    "-chardev",
    `socket,id=a,path=${path("agent")},server=on,wait=off`,
    "-chardev",
    `file,id=n,path=${path("notices")}`,
  ];
  const child = Bun.spawn(
    [
      ...[
        "qemu-system-x86_64",
        "-M",
        "microvm,acpi=on,rtc=on",
        "-accel",
        "tcg,thread=single,tb-size=32",
        "-cpu",
        "Nehalem,+arat",
      ],
      ...[
        "-m",
        "256M",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
        "-rtc",
        "base=utc,clock=host",
      ],
      ...(of.layers.length === 0 ? [] : disks(of, path)),
      ...["-netdev", "hubport,id=net,hubid=0", "-device", "virtio-net-device,netdev=net,mac=02:fc:00:00:00:05"],
      ...["-device", "virtio-rng-device", "-device", "virtio-serial-device", ...serial],
      ...[
        "-device",
        "virtserialport,chardev=a,name=sandlot.agent",
        "-device",
        "virtserialport,chardev=n,name=sandlot.host",
      ],
      ...["-serial", `file:${path("console")}`, "-kernel", kernel.vmlinuxPath, "-initrd", kernel.initramfsPath],
      ...["-append", `${line} ${of.words}`],
    ],
    { stdin: "ignore", stdout: "ignore", stderr: Bun.file(path("qemu.log")) },
  );
  return guestOf({ child, dir, path });
}

function disks(
  of: { kernel: GuestKernel; blank: string; layers: readonly string[] },
  path: (name: string) => string,
): string[] {
  const extents = [...of.layers, of.kernel.modulesPath].map((image) => ({
    path: image,
    sizeBytes: statSync(image).size,
  }));
  const disk = planLayersDisk(extents);
  const text = vmdkDescriptor(disk, (piece) => {
    if (piece.kind === "bytes") writeFileSync(path(piece.name), piece.bytes);
    return piece.kind === "file" ? piece.path : path(piece.name);
  });
  writeFileSync(path("layers.vmdk"), text);
  copyFileSync(of.blank, path("disk.qcow2"));
  const file = (name: string): string => `file.driver=file,file.filename=${path(name)}`;
  return [
    ...["-blockdev", `driver=vmdk,node-name=layers,read-only=on,file.locking=off,${file("layers.vmdk")}`],
    ...["-device", "virtio-blk-device,drive=layers"],
    ...[
      "-blockdev",
      `driver=qcow2,node-name=disk,discard=unmap,${file("disk.qcow2")}`,
      "-device",
      "virtio-blk-device,drive=disk",
    ],
  ];
}

function guestOf(of: { child: ReturnType<typeof Bun.spawn>; dir: string; path: (name: string) => string }): Guest {
  const { child, dir, path } = of;
  const socketPath = path("agent");
  const notices = (): string[] => readFileSync(path("notices"), "utf8").split("\n").slice(0, -1);
  return {
    dir,
    socketPath,
    notices,
    agent: () => connectAgent({ connect: unixSocketStream(socketPath) }, AbortSignal.timeout(60_000)),
    async notice(begins) {
      for (const until = performance.now() + 60_000; performance.now() < until; await sleep(20)) {
        const found = notices().find((line) => line.startsWith(begins));
        if (found !== undefined) return found;
        if (child.exitCode !== null) break;
      }
      const console = existsSync(path("console")) ? readFileSync(path("console"), "utf8").slice(-2_000) : "";
      throw new Error(`no ${begins}: ${notices().join("; ")} ${readFileSync(path("qemu.log"), "utf8")} ${console}`);
    },
    ended: child.exited,
    cpuSeconds() {
      const fields = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      return (Number(fields[11]) + Number(fields[12])) / 100;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}
