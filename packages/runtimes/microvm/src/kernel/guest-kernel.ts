/** The kernel that guests boot, and the first program in it, as provisioning left them on the disk. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { microvmFaults } from "../faults";
import { ensureInitramfs } from "./initramfs";

export type GuestKernel = {
  /** As `uname -r` has it inside, e.g. `6.1.0-56-cloud-amd64`. */
  readonly version: string;
  /** Of the ELF and the modules' image together: sealed memory is good for these bytes only. */
  readonly sha256: string;
  /** An ELF with a PVH entry. */
  readonly vmlinuxPath: string;
  /** Needed to boot, not to restore. */
  readonly initramfsPath: string;
  /** Read-only erofs image of all the kernel's modules; the lowest partition of every guest's layers disk. */
  readonly modulesPath: string;
};

/** What lies in a kernel's directory beside `vmlinux`, `modules.erofs` and the few modules of `boot/`. */
export type KernelNote = { readonly version: string; readonly sha256: string };

/**
 * Reads the note only; whoever doubts the files compares them by `digestKernel`. Makes the initramfs out of the kernel's
 * boot modules and `initPath` when it is not there: some 10 ms, once per init.
 * @param of.directory one of `/var/cache/sandlot/kernels/<version>-<hash>`
 * @param of.initPath the guest's first program, `dist/vm-init`
 * @throws Fault `microvm_no_kernel`
 */
export async function loadGuestKernel(of: { directory: string; initPath: string }): Promise<GuestKernel> {
  const { directory, initPath } = of;
  const note = await readNote(directory);
  return {
    ...note,
    vmlinuxPath: join(directory, "vmlinux"),
    initramfsPath: await ensureInitramfs({ directory, initPath }),
    modulesPath: join(directory, "modules.erofs"),
  };
}

async function readNote(directory: string): Promise<KernelNote> {
  try {
    const note: unknown = JSON.parse(await readFile(join(directory, "kernel.json"), "utf8"));
    if (typeof note !== "object" || note === null) throw new Error("kernel.json holds no object");
    const { version, sha256 } = note as Partial<Record<string, unknown>>;
    if (typeof version !== "string" || typeof sha256 !== "string")
      throw new Error("kernel.json lacks version or sha256");
    return { version, sha256 };
  } catch (thrown) {
    const reason = thrown instanceof Error ? thrown.message : String(thrown);
    throw microvmFaults.no_kernel({ directory, reason }, thrown);
  }
}

/** What `sha256` stands for. Reads 150 MB. */
export async function digestKernel(directory: string): Promise<string> {
  const hash = createHash("sha256");
  for (const name of ["vmlinux", "modules.erofs"])
    hash.update(
      createHash("sha256")
        .update(await readFile(join(directory, name)))
        .digest(),
    );
  return hash.digest("hex");
}
