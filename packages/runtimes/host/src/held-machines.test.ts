import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HeldMachines } from "./held-machines";
import { IdRanges } from "./ids";
import { VMM_IDS } from "./limits";
import { writeRecord } from "./machine-dir";

class Machine {
  readonly machineId: string;
  watched = true;
  readonly #end: () => Promise<void>;
  constructor(machineId: string, end: () => Promise<void>) {
    this.machineId = machineId;
    this.#end = end;
  }
  isAlive = async (): Promise<boolean> => !this.machineId.startsWith("dead");
  end = (): Promise<void> => this.#end();
  leave = (): void => {
    this.watched = false;
  };
}

type Journaled = { readonly version: 1; readonly hostBootId: string; readonly uid: number };

describe(HeldMachines, () => {
  const { signal } = new AbortController();
  let dir: string;
  let cleared: string[];
  let told: string[];
  let stuck: string | undefined;
  let held: HeldMachines<Machine, Journaled>;

  const make = (machineId: string, hostId = VMM_IDS.firstHostId): Machine =>
    new Machine(machineId, () => held.remove(machineId, hostId));
  const start = (machineId: string): Promise<Machine> =>
    held.start({ machineId, signal }, async ({ hostId }) => held.hold(make(machineId, hostId)));

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "held-"));
    await mkdir(join(dir, "machines"));
    cleared = [];
    told = [];
    stuck = undefined;
    held = new HeldMachines<Machine, Journaled>({
      machinesDir: join(dir, "machines"),
      dirMode: 0o700,
      startsAtOnce: 2,
      ids: new IdRanges({ plan: VMM_IDS, dir: join(dir, "ids"), tag: "abcd", nowMs: 0 }),
      log: { error: (message, { machineId }) => told.push(`${message}: ${machineId}`) },
      exists: ({ machineId }) => new Error(`${machineId} exists already`),
      find: async (machineId) => (machineId.startsWith("found") ? held.hold(make(machineId)) : undefined),
      bootId: "now",
      hostIdOf: ({ uid }) => uid,
      clear: async (machineId) => {
        if (machineId === stuck) throw new Error("busy");
        cleared.push(machineId);
      },
      otherNames: async () => ["cgroup"],
    });
  });
  afterEach(() => rm(dir, { recursive: true }));

  it("refuses an id whose machine is there, and leaves that one alone", async () => {
    await start("m1");
    await expect(start("m1")).rejects.toThrow("exists already");
    expect((await held.list()).map((machine) => machine.machineId)).toEqual(["m1"]);
    expect(cleared).toEqual([]);
  });

  it("leaves nothing of a start that fails", async () => {
    const failed = held.start({ machineId: "m1", signal }, async ({ dir: own }) => {
      await writeFile(join(own, "half"), "");
      throw new Error("no luck");
    });
    await expect(failed).rejects.toThrow("no luck");
    expect(cleared).toEqual(["m1"]);
    expect([...(await readdir(join(dir, "machines"))), ...(await readdir(join(dir, "ids")))]).toEqual([]);
  });

  it("tells of what a failed start left, and keeps its id for the sweep", async () => {
    stuck = "m1";
    const failed = held.start({ machineId: "m1", signal }, () => Promise.reject(new Error("no luck")));
    await expect(failed).rejects.toThrow("no luck");
    expect(told).toEqual(["a failed start left something behind: m1"]);
    expect(await readdir(join(dir, "ids"))).toHaveLength(1);
    await held.sweep(new Set());
    expect(await readdir(join(dir, "ids"))).toHaveLength(1); // still busy
    stuck = undefined;
    await held.sweep(new Set());
    expect(await readdir(join(dir, "ids"))).toEqual([]);
  });

  it("neither shows nor sweeps one that is being started, and starts no more at once than it may", async () => {
    const up = Promise.withResolvers<void>();
    let inside = 0;
    const starts = ["m1", "m2", "m3"].map((machineId) =>
      held.start({ machineId, signal }, async () => {
        inside += 1;
        await up.promise;
        return held.hold(make(machineId));
      }),
    );
    while (inside < 2) await Bun.sleep(1);
    expect(await held.list()).toEqual([]);
    const swept = held.sweep(new Set(["cgroup"]));
    await swept;
    expect(cleared).toEqual([]);
    expect(inside).toBe(2);
    up.resolve();
    await Promise.all(starts);
    expect(await held.list()).toHaveLength(3);
  });

  it("lists what an earlier process started, once, and not what is dead", async () => {
    for (const name of ["found", "found-too", "dead", "half"]) await mkdir(join(dir, "machines", name));
    const first = await held.list();
    expect(first.map((machine) => machine.machineId).sort()).toEqual(["found", "found-too"]);
    expect(await held.list()).toEqual(first);
  });

  it("takes no machine for a live one that was journaled before the host booted, and gives its id back", async () => {
    const ids = new IdRanges({ plan: VMM_IDS, dir: join(dir, "ids"), tag: "abcd", nowMs: 0 });
    const uid = await ids.take("m1"); // whom a sweep would leave it: only the journal of m2 says that it had it
    for (const [machineId, hostBootId] of [
      ["m1", "now"],
      ["m2", "before"],
    ] as const) {
      await mkdir(held.dirOf(machineId));
      await writeRecord(held.dirOf(machineId), { version: 1, hostBootId, uid } as Journaled);
    }
    expect((await held.readLiveRecord("m1"))?.uid).toBe(uid);
    expect(await held.readLiveRecord("m2")).toBeUndefined();
    expect(await held.readLiveRecord("m3")).toBeUndefined();
    expect((await held.readRecord("m2"))?.hostBootId).toBe("before");
    await held.sweep(new Set(["m1"]));
    expect(cleared.sort()).toEqual(["cgroup", "m2"]);
    expect(await readdir(join(dir, "ids"))).toEqual([]);
  });

  it("sweeps what nobody keeps, also what has only a name left", async () => {
    const [kept, other] = await Promise.all([start("kept"), start("other")]);
    await mkdir(join(dir, "machines", "half"));
    await held.sweep(new Set(["kept"]));
    expect(cleared.sort()).toEqual(["cgroup", "half", "other"]);
    expect(await held.names()).toEqual(["kept"]);
    expect([kept?.watched, other?.watched]).toEqual([true, false]);
  });
});
