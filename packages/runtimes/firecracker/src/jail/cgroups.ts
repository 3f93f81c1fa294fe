/** The cgroups that the jailer makes for a machine: which kind, and what is left of them. */
import { readdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import type { CgroupLayout } from "@sandlot/runtime-host";

const V1_CONTROLLERS = ["memory", "cpu", "pids"];
/** The kernel lets a dead process' cgroup go a moment after it. */
const TRIES = 50;
const REST_MS = 10;

export class JailCgroups {
  readonly parent: string;
  readonly version: 1 | 2;
  readonly #roots: readonly string[];

  constructor(of: { layout: CgroupLayout; tag: string }) {
    const { unified, v1, v2 } = of.layout;
    this.parent = `sandlot-${of.tag}-fc`;
    this.version = unified ? 2 : 1;
    const mounts = unified ? [v2] : V1_CONTROLLERS.map((name) => v1.get(name));
    this.#roots = [...new Set(mounts.filter((at) => at !== undefined))];
  }

  /** Idempotent. The machine's processes are dead by then. */
  async remove(jailId: string): Promise<void> {
    for (const root of this.#roots) await removeDir(join(root, this.parent, jailId));
  }

  /** Jail ids of all machines that have one left. */
  async names(): Promise<Set<string>> {
    const found = new Set<string>();
    for (const root of this.#roots) {
      const entries = await readdir(join(root, this.parent), { withFileTypes: true }).catch(() => []);
      for (const entry of entries) if (entry.isDirectory()) found.add(entry.name);
    }
    return found;
  }

  /** Removes what all machines shared, once there is none. */
  async dispose(): Promise<void> {
    for (const root of this.#roots) await rmdir(join(root, this.parent)).catch(() => undefined);
  }
}

async function removeDir(path: string): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await rmdir(path);
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === "ENOENT") return;
      if (code !== "EBUSY" || tries === TRIES) throw thrown;
      await sleep(REST_MS);
    }
  }
}
