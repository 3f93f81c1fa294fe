/** Makes a kernel's directory out of a distribution's unpacked packages. */
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isThere } from "@sandlot/runtime-host";
import { microvmFaults } from "../faults";
import { runTool, uuidOf } from "../run-tool";
import { digestKernel, type KernelNote } from "./guest-kernel";
import { BOOT_ORDER } from "./initramfs";
import { unpackKernel } from "./unpack-kernel";

/**
 * What a guest loads before it sees a disk. The number is the virtio device it is for, 0 is for all; a kernel that has one
 * built in has no file for it. Each after what it needs.
 */
const BOOT_MODULES: readonly (readonly [number, string])[] = [
  [0, "virtio_ring"],
  [0, "virtio"],
  [0, "virtio_mmio"],
  [1, "failover"],
  [1, "net_failover"],
  [1, "virtio_net"],
  [2, "virtio_blk"],
  [3, "virtio_console"],
  [4, "rng-core"],
  [4, "virtio-rng"],
  [5, "virtio_balloon"],
  [19, "vsock"],
  [19, "vmw_vsock_virtio_transport_common"],
  [19, "vmw_vsock_virtio_transport"],
  // Looked for in every restored guest, where loading them would cost a tenth of a second each time.
  [0, "inet_diag"],
  [0, "tcp_diag"],
  [0, "libcrc32c"],
  [0, "erofs"],
  [0, "overlay"],
];

/**
 * Fills `into`, which must be empty and on the disk where it stays. Costs some 5 s.
 * @param of.root holds `boot/vmlinuz-<version>` and `lib/modules/<version>`, as the packages unpack
 * @throws Fault `microvm_bad_kernel`, `microvm_disk_failed`
 */
export async function layOutKernel(of: { root: string; into: string }): Promise<KernelNote> {
  const { root, into } = of;
  const [version] = (await readdir(join(root, "boot"))).flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  if (version === undefined) throw microvmFaults.bad_kernel({ path: root, reason: "the packages brought no vmlinuz" });
  const image = join(root, "boot", `vmlinuz-${version}`);
  await writeFile(join(into, "vmlinux"), unpackKernel(await readFile(image), image), { mode: 0o644 });
  const modules = await modulesDir(root, version);
  await copyBootModules(modules, into);
  await runTool(["depmod", "-b", modules.base, version]);
  const stage = join(into, "modules.erofs");
  // No times and one fixed id: the same modules make the same image.
  await runTool(["mkfs.erofs", "--quiet", "-T0", "-U", uuidOf(version), "--all-root", stage, modules.path]);
  const note: KernelNote = { version, sha256: await digestKernel(into) };
  await writeFile(join(into, "kernel.json"), `${JSON.stringify(note)}\n`, { mode: 0o644 });
  return note;
}

/** depmod looks below `lib/modules`; newer packages unpack to `usr/lib/modules`. */
async function modulesDir(root: string, version: string): Promise<{ base: string; path: string }> {
  for (const base of [root, join(root, "usr")]) {
    const path = join(base, "lib/modules", version);
    if (await isThere(path)) return { base, path };
  }
  throw microvmFaults.bad_kernel({ path: root, reason: `the packages brought no modules for ${version}` });
}

async function copyBootModules(modules: { path: string }, into: string): Promise<void> {
  await mkdir(join(into, "boot"), { mode: 0o755 });
  const found = new Map<string, string>();
  for (const name of await readdir(modules.path, { recursive: true })) {
    const base = /([^/]+)\.ko$/.exec(name)?.[1];
    if (base !== undefined) found.set(base.replaceAll("-", "_"), join(modules.path, name));
  }
  const lines: string[] = [];
  for (const [device, name] of BOOT_MODULES) {
    const path = found.get(name.replaceAll("-", "_"));
    if (path === undefined) continue;
    await copyFile(path, join(into, "boot", `${name}.ko`));
    lines.push(`${device} ${name}.ko\n`);
  }
  const draft = join(into, `${BOOT_ORDER}.new`);
  await writeFile(draft, lines.join(""), { mode: 0o644 });
  await rename(draft, join(into, BOOT_ORDER));
}
