/**
 * Writable disks: sparse ext4 images behind loop devices, made and mounted ahead. Directory names are the journal:
 * `<MiB>/n-…` is being made, `<MiB>/r-…` is ready; taking one renames it into the machine's directory.
 */
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import { isThere, runLauncher } from "@sandlot/runtime-host";
import type { Logger } from "@sandlot/telemetry";
import { containerFaults } from "./faults";
import { isMountPoint } from "./layers";
import { limits } from "./limits";

type UpperPoolConfig = {
  readonly dir: string;
  readonly launcherPath: string;
  readonly size: number;
  readonly log: Logger;
};

/** An empty file system with u/ and w/. No journal: an upper lives no longer than its machine or is sealed by a sync. */
async function makeTemplate(image: string, diskMiB: number): Promise<void> {
  const draft = `${image}.${randomUUID()}`;
  const seed = `${draft}.seed`;
  await mkdir(join(seed, "u"), { recursive: true, mode: 0o755 });
  await mkdir(join(seed, "w"), { mode: 0o755 });
  const features = ["-O", "^has_journal,^resize_inode", "-m", "0", "-b", "4096", "-d", seed];
  const lazily = ["-E", "lazy_itable_init=1,nodiscard,root_owner=0:0"];
  const child = Bun.spawn(["mkfs.ext4", "-q", "-F", ...features, ...lazily, draft, `${diskMiB}M`], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: "/usr/sbin:/sbin:/usr/bin:/bin" },
  });
  const [reason, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  await rm(seed, { recursive: true, force: true });
  if (exitCode === 0) return rename(draft, image);
  await rm(draft, { force: true });
  throw containerFaults.no_mkfs({ reason: reason.trim() });
}

export class UpperPool implements AsyncDisposable {
  readonly #of: UpperPoolConfig;
  readonly #ready = new Map<number, string[]>();
  readonly #lock = new KeyedLock();
  #refilling: Promise<void> = Promise.resolve();
  #clearing: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(of: UpperPoolConfig) {
    this.#of = of;
  }

  /**
   * Takes up what an earlier run left ready, and removes in the background what it left half made: a disk that somebody
   * else's mount namespace still holds must not keep the node from starting. The next adoption tries again.
   */
  async adopt(): Promise<void> {
    const leftovers: string[] = [];
    for (const size of await readdir(this.#of.dir).catch(() => [])) {
      for (const name of await readdir(join(this.#of.dir, size)).catch(() => [])) {
        const path = join(this.#of.dir, size, name);
        if (name.startsWith("template.ext4")) {
          if (name !== "template.ext4") await rm(path, { recursive: true, force: true });
        } else if (name.startsWith("r-") && (await isMountPoint(join(path, "m")))) this.#shelf(Number(size)).push(path);
        else leftovers.push(path);
      }
    }
    this.#clearing = Promise.all(
      leftovers.map((path) =>
        this.discard(path).catch((thrown) => this.#of.log.warn("cannot remove a left disk yet", { path, thrown })),
      ),
    );
  }

  /** Keeps `diskMiB` in store from now on. Returns at once; the work is done in the background, one at a time. */
  warm(diskMiB: number): void {
    if (!this.#ready.has(diskMiB) && this.#ready.size >= limits.pooledDiskSizes) return;
    this.#shelf(diskMiB);
    this.#refilling = this.#refilling
      .then(() => this.#refill(diskMiB))
      .catch((thrown) => {
        if (!this.#closed) this.#of.log.warn("cannot make writable disks ahead", { diskMiB, thrown });
      });
  }

  /** Moves a disk to `target`, which must not exist: at once from the pool, else a few milliseconds. The caller owns it.
   * @param keepReady whether more of this size will be wanted */
  async take({ diskMiB, target, keepReady }: { diskMiB: number; target: string; keepReady: boolean }): Promise<void> {
    const shelf = this.#ready.get(diskMiB) ?? [];
    for (let path = shelf.shift(); path !== undefined; path = shelf.shift()) {
      const taken = await rename(path, target).then(
        () => true,
        () => false,
      );
      if (!taken) continue;
      if (keepReady) this.warm(diskMiB);
      return;
    }
    await rename(await this.#make(diskMiB), target);
    if (keepReady) this.warm(diskMiB);
  }

  /** Removes one disk, mounted or not. */
  async discard(path: string): Promise<void> {
    await runLauncher(this.#of.launcherPath, ["release", "--dir", path]);
    await rm(path, { recursive: true, force: true });
  }

  /** Resolves when the pool is full and leftovers are dealt with; for tests and benchmarks. */
  async filled(): Promise<void> {
    await this.#clearing;
    await this.#refilling;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await this.#clearing;
    await this.#refilling;
    for (const shelf of this.#ready.values()) for (const path of shelf.splice(0)) await this.discard(path);
  }

  #shelf(diskMiB: number): string[] {
    const shelf = this.#ready.get(diskMiB) ?? [];
    this.#ready.set(diskMiB, shelf);
    return shelf;
  }

  async #refill(diskMiB: number): Promise<void> {
    const shelf = this.#shelf(diskMiB);
    while (!this.#closed && shelf.length < this.#of.size) {
      const made = await this.#make(diskMiB);
      const ready = join(dirname(made), `r-${randomUUID()}`);
      await rename(made, ready);
      shelf.push(ready);
    }
  }

  async #make(diskMiB: number): Promise<string> {
    const dir = join(this.#of.dir, String(diskMiB));
    const template = join(dir, "template.ext4");
    await this.#lock.run(template, async () => {
      if (await isThere(template)) return;
      await mkdir(dir, { recursive: true });
      await makeTemplate(template, diskMiB);
    });
    const path = join(dir, `n-${randomUUID()}`);
    await mkdir(path, { mode: 0o755 });
    try {
      await runLauncher(this.#of.launcherPath, ["upper", "--template", template, "--dir", path]);
    } catch (thrown) {
      await this.discard(path).catch(() => undefined);
      throw thrown;
    }
    return path;
  }
}
