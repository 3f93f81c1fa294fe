/** Ranges of host ids, one per machine. Taken by exclusive files, so they survive us and cannot be taken twice. */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeFaults } from "./faults";
import type { IdPlan } from "./limits";

/** First range of an installation. Two tags may share a region; ranges then still differ within each installation. */
function firstRangeOf(plan: IdPlan, tag: string): number {
  let hash = 0;
  for (const letter of tag) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  return (hash % plan.tagRegions) * plan.rangesPerTag;
}

export class IdRanges {
  readonly #dir: string;
  readonly #plan: IdPlan;
  readonly #firstRange: number;
  #next: number;

  /** @param of.nowMs says with which range it begins: elsewhere than the last run, which spares an id some time before it is used again */
  constructor(of: { plan: IdPlan; dir: string; tag: string; nowMs: number }) {
    this.#dir = of.dir;
    this.#plan = of.plan;
    this.#firstRange = firstRangeOf(of.plan, of.tag);
    this.#next = Math.floor(of.nowMs / 1000) % of.plan.rangesPerTag;
  }

  /** Takes the next free range, oldest given back first.
   * @returns the host id that is 0 inside
   * @throws Fault `runtime_ids_exhausted` */
  async take(machineId: string): Promise<number> {
    await mkdir(this.#dir, { recursive: true });
    for (let tries = 0; tries < this.#plan.rangesPerTag; tries += 1) {
      const at = this.#next;
      this.#next = (this.#next + 1) % this.#plan.rangesPerTag;
      try {
        await writeFile(join(this.#dir, String(at)), machineId, { flag: "wx" });
        return this.#plan.firstHostId + (this.#firstRange + at) * this.#plan.idsPerRange;
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
      }
    }
    throw runtimeFaults.ids_exhausted({ ranges: this.#plan.rangesPerTag });
  }

  async giveBack(idBase: number): Promise<void> {
    const at = (idBase - this.#plan.firstHostId) / this.#plan.idsPerRange - this.#firstRange;
    await rm(join(this.#dir, String(at)), { force: true });
  }

  /** Frees ranges whose machine is not among `machineIds`. */
  async sweep(machineIds: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#dir).catch(() => [])) {
      const owner = await readFile(join(this.#dir, name), "utf8").catch(() => "");
      if (!machineIds.has(owner)) await rm(join(this.#dir, name), { force: true });
    }
  }
}
