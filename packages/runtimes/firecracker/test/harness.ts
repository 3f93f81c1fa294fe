/** A Firecracker runtime over fakes of jailer and Firecracker: real processes, sockets, taps, cgroups and files; no guest. */
import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import type {
  LayerRef,
  Machine,
  MachineLimits,
  MachineSlot,
  Runtime,
  Seal,
  StartMachine,
} from "@sandlot/runtime-contract";
import { cgroupsLike, makeBareRoot, sh } from "@sandlot/runtime-contract/bare-host";
import { silentLogger } from "@sandlot/telemetry";
import { type FirecrackerRuntimeConfig, startFirecrackerRuntime } from "../src/index";
import { Control } from "./fake/control";
import type { GuestState } from "./fake/guest";
import { jailedRequest } from "./jailed-request";

export const LIMITS: MachineLimits = { cpuCount: 1.5, memoryMiB: 16, diskMiB: 16, pidsMax: 64 };
export const TEST_MS = 60_000;

export function canRunFakes(): string | undefined {
  if (process.getuid?.() !== 0) return "not root";
  for (const tool of ["ip", "nsenter", "mkfs.ext4", "mkfs.erofs"])
    if (Bun.which(tool, { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" }) === null) return `no ${tool}`;
  return undefined;
}

export type Sealed = { readonly seal: Seal; readonly dir: string; readonly layers: readonly LayerRef[] };

/** What a program in the guest of the fake does, since there is no other way in. */
export type GuestPrograms = {
  ask(what: string, body?: object): Promise<Record<string, unknown>>;
  state(): Promise<GuestState>;
};

export class Harness implements AsyncDisposable {
  readonly root: string;
  readonly tag: string;
  readonly control: Control;
  readonly config: FirecrackerRuntimeConfig;
  readonly layers: readonly LayerRef[];
  /** Of slots that are gone. */
  readonly #left: string[] = [];
  #slots = 0;
  #machines = 0;

  private constructor(of: {
    root: string;
    tag: string;
    config: FirecrackerRuntimeConfig;
    layers: readonly LayerRef[];
  }) {
    this.root = of.root;
    this.tag = of.tag;
    this.config = of.config;
    this.layers = of.layers;
    this.control = new Control(join(of.root, "control"));
  }

  static async make(letter: string, extra: Partial<FirecrackerRuntimeConfig> = {}): Promise<Harness> {
    const { tag, root, nodeDir } = await makeBareRoot(letter);
    await chmod(root, 0o755); // the fake runs as a machine's own user
    for (const dir of ["control", "kernel/boot", "guest-layer/usr/lib/sandlot", "layer"])
      await mkdir(join(root, dir), { recursive: true });
    await writeFile(join(root, "guest-layer/usr/lib/sandlot/init"), "guest init");
    await writeFile(join(root, "layer/file"), "a layer");
    await writeFile(join(root, "kernel/kernel.json"), JSON.stringify({ version: "6.1.0-fake", sha256: "00" }));
    await writeFile(join(root, "kernel/vmlinux"), "a kernel");
    await writeFile(join(root, "kernel/modules.erofs"), Buffer.alloc(8192, 1));
    await writeFile(join(root, "kernel/boot/order"), "");
    await writeFile(join(root, "vm-init"), "an init");
    await writeFile(join(root, "kvm"), "");
    const config = {
      nodeDir,
      tag,
      guestLayerDir: join(root, "guest-layer"),
      kernelDir: join(root, "kernel"),
      guestInitPath: join(root, "vm-init"),
      kvmPath: join(root, "kvm"),
      versions: [await fakeVersion(root, "1.10.1")],
      ...extra,
    };
    return new Harness({ root, tag, config, layers: [{ kind: "directory", path: join(root, "layer") }] });
  }

  /** A runtime over one and the same node directory; a second call plays the node after a restart. */
  open(changes: Partial<FirecrackerRuntimeConfig> = {}): Promise<Runtime> {
    return startFirecrackerRuntime({ ...this.config, ...changes }, { log: silentLogger, clock: systemClock });
  }

  async lease(): Promise<MachineSlot & AsyncDisposable> {
    this.#slots += 1;
    const name = `sandlot-${this.tag}-${this.#slots}`;
    const left = this.#left;
    await sh("ip", "netns", "add", name);
    return {
      netnsPath: `/run/netns/${name}`,
      address: `10.99.1.${this.#slots}`,
      guestCidr: "169.254.0.21/30",
      guestGateway: "169.254.0.22",
      hostLink: "guest0",
      mtu: 1400,
      async [Symbol.asyncDispose]() {
        const links = await sh("ip", "-n", name, "-o", "link");
        await sh("ip", "netns", "del", name);
        if (links.includes("guest0")) left.push(`a tap in slot ${name}`);
      },
    };
  }

  request(slot: MachineSlot, changes: Partial<StartMachine> = {}): StartMachine {
    this.#machines += 1;
    const build = { buildId: "b1", layers: this.layers };
    const machineId = `m_${this.#machines}.x`;
    return { machineId, build, limits: LIMITS, slot, hostname: `box${this.#machines}`, ...changes };
  }

  guest(machine: Machine): GuestPrograms {
    const ask = (what: string, body: object = {}): Promise<Record<string, unknown>> =>
      jailedRequest({ machinesDir: join(this.config.nodeDir, "machines"), machineId: machine.machineId, what, body });
    return { ask, state: async () => (await ask("state")) as unknown as GuestState };
  }

  async place(): Promise<string> {
    return mkdtemp(join(this.root, "place-"));
  }

  /** Freezes, seals and leaves it frozen. */
  async seal(machine: Machine, memory = true): Promise<Sealed> {
    const dir = await this.place();
    await machine.freeze();
    const seal = await machine.seal({ directory: dir, memory }, AbortSignal.timeout(TEST_MS));
    const { kind, name, replacesDisks } = seal.layer;
    const below = replacesDisks === true ? machine.layers.filter((layer) => layer.kind !== "raw-diff") : machine.layers;
    return { seal, dir, layers: [{ kind, path: join(dir, name) }, ...below] };
  }

  /** The changes to a request that bring a seal up. */
  resume(sealed: Sealed, identity: "keep" | "new" = "keep"): Partial<StartMachine> {
    const { memory } = sealed.seal;
    if (memory === undefined) throw new Error("sealed without memory");
    const restore = { directory: join(sealed.dir, "memory"), memory, identity };
    return { build: { buildId: "sealed", layers: sealed.layers }, restore };
  }

  /** What machines have left: one line each. */
  async residue(): Promise<string[]> {
    const { nodeDir } = this.config;
    const found = [...this.#left];
    for (const dir of ["machines", "ids"])
      for (const name of await readdir(join(nodeDir, dir)).catch(() => [])) found.push(`${dir}/${name}`);
    for (const name of await readdir(join(nodeDir, "disks"))) if (name.startsWith(".")) found.push(`disks/${name}`);
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      if (words.includes(`${this.root}/`) && Number(pid) !== process.pid)
        found.push(`process ${pid} ${words.replaceAll("\0", " ")}`);
    }
    for (const path of await cgroupsLike(`*/sandlot-${this.tag}-fc/*`)) found.push(`cgroup ${path}`);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.root, { recursive: true, force: true });
  }
}

/** Two scripts that start the fake, pinned as an operator would pin the real ones. */
export async function fakeVersion(
  root: string,
  version: string,
): Promise<FirecrackerRuntimeConfig["versions"][number]> {
  const script = join(import.meta.dir, "fake/jailer.ts");
  const content = `#!/bin/sh\n# ${version}\nexec ${process.execPath} ${script} ${root}/control "$@"\n`;
  const pin = async (name: string): Promise<{ from: string; sha256: string }> => {
    const from = join(root, `${name}-${version}`);
    await writeFile(from, `${content}# ${name}\n`);
    return { from, sha256: createHash("sha256").update(`${content}# ${name}\n`).digest("hex") };
  };
  return { version, firecracker: await pin("firecracker"), jailer: await pin("jailer") };
}
