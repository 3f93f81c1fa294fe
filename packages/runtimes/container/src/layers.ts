/** Read-only layers on the host: an erofs image is mounted once and shared by all machines; a directory is used as it is. */
import { createHash } from "node:crypto";
import { mkdir, readdir, rmdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import { type LayerRef, machineFaults } from "@sandlot/runtime-contract";
import { runLauncher } from "@sandlot/runtime-host";

/**
 * The host never reads a file system that a microVM has written, so its disks are no layers here.
 * @throws Fault `machine_layer_unfit`
 */
export function requireTrees(layers: readonly LayerRef[]): void {
  const disk = layers.find(({ kind }) => kind !== "erofs" && kind !== "directory");
  if (disk !== undefined) throw machineFaults.layer_unfit({ runtime: "container", layer: basename(disk.path) });
}

export async function isMountPoint(path: string): Promise<boolean> {
  const [own, parent] = await Promise.all([
    stat(path).catch(() => undefined),
    stat(dirname(path)).catch(() => undefined),
  ]);
  return own !== undefined && parent !== undefined && own.dev !== parent.dev;
}

/** Readable, and unique per image path. */
function mountNameOf(image: string): string {
  const digest = createHash("sha256").update(image).digest("hex").slice(0, 12);
  return `${basename(image)
    .replace(/[^A-Za-z0-9_.-]/g, "_")
    .slice(0, 80)}-${digest}`;
}

export class LayerMounts {
  readonly #of: { dir: string; launcherPath: string; forceLoop: boolean };
  readonly #lock = new KeyedLock();

  constructor(of: { dir: string; launcherPath: string; forceLoop: boolean }) {
    this.#of = of;
  }

  /** Where the layer's files can be seen. Costs two stat calls when it is mounted already. */
  async mount(layer: LayerRef): Promise<string> {
    if (layer.kind === "directory") return layer.path;
    const at = join(this.#of.dir, mountNameOf(layer.path));
    await this.#lock.run(at, async () => {
      if (await isMountPoint(at)) return;
      await mkdir(at, { recursive: true });
      const loop = this.#of.forceLoop ? ["--loop"] : [];
      await runLauncher(this.#of.launcherPath, ["layer", "--image", layer.path, "--at", at, ...loop]);
    });
    return at;
  }

  /** How many images are mounted, in use or not. */
  async count(): Promise<number> {
    return (await readdir(this.#of.dir).catch(() => [])).length;
  }

  /** Unmounts what is not in `inUse` (paths that `mount` gave). Machines hold the images they use by themselves, but share
   * their page cache only through one mount. */
  async trim(inUse: () => Promise<ReadonlySet<string>>): Promise<void> {
    for (const name of await readdir(this.#of.dir).catch(() => [])) {
      const at = join(this.#of.dir, name);
      await this.#lock.run(at, async () => {
        if ((await inUse()).has(at)) return;
        await runLauncher(this.#of.launcherPath, ["unmount", "--at", at]);
        await rmdir(at).catch(() => undefined);
      });
    }
  }
}
