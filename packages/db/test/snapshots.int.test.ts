/** What is kept of paused sandboxes: who may claim it, and what refers to a build. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { type PrivatePostgres, startPrivatePostgres } from "@sandlot/testkit";
import { SQL } from "bun";
import {
  beginPause,
  claimPaused,
  completePause,
  type Database,
  ensureInstallation,
  forgetBuild,
  forgetPaused,
  type KeptSandbox,
  letGoOfBuild,
  migrate,
  noteSealedBuild,
  openDatabase,
  readLooseBuilds,
  readPaused,
  readSnapshot,
  readUnsettled,
  registerSnapshot,
  removeTemplate,
  settleAsPaused,
  undoPauseOf,
} from "../src/index";

let server: PrivatePostgres;
let db: Database;
let teamId = "";
beforeAll(async () => {
  server = await startPrivatePostgres();
  await migrate({ connectionString: server.connectionString });
  db = openDatabase({ connectionString: server.connectionString });
  ({ teamId } = await ensureInstallation(db, { apiKey: `e2b_${"1a".repeat(20)}` }));
}, 60_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const size = { diskBytes: 1n, memoryBytes: 2n };
let count = 0;
function kept(over: Partial<KeptSandbox> = {}): KeptSandbox {
  count += 1;
  const run = { executionId: "e-1", nodeId: "n", startedAtMs: 1_700_000_000_000 + count };
  const setUp = { metadata: { a: "1" }, isSecure: true, allowInternetAccess: null, autoPause: false };
  return { sandboxId: `i${count}`, teamId, templateId: "t", ...run, ...setUp, config: { network: { x: [] } }, ...over };
}
const aBuild = (hasMemory = true) => ({
  ...({ buildId: crypto.randomUUID(), madeBy: "pause", hasMemory, cpuCount: 2, memoryMiB: 512 } as const),
  ...({ diskMiB: 100, envdVersion: "0.6.13", nodeId: "n", runtime: "container", kernelVersion: "" } as const),
});
async function pause(one: KeptSandbox): Promise<string> {
  const build = aBuild();
  await beginPause(db, { kept: one, build });
  expect(await completePause(db, { sandboxId: one.sandboxId, buildId: build.buildId, size })).toBe(true);
  return build.buildId;
}
const loose = async (): Promise<string[]> => (await readLooseBuilds(db, 100)).map(({ buildId }) => buildId);

describe("a row", () => {
  it("gives back what was kept, and is claimed once", async () => {
    const one = kept();
    const buildId = await pause(one);
    expect(await readSnapshot(db, one.sandboxId)).toMatchObject({ ...one, state: "paused", buildId, hasMemory: true });
    const claims = await Promise.all(
      [1, 2, 3].map((n) => claimPaused(db, { teamId, sandboxId: one.sandboxId, executionId: `e-${n}` })),
    );
    expect(claims.filter((claim) => claim !== undefined)).toHaveLength(1);
    const { executionId = "" } = claims.find((claim) => claim !== undefined) ?? {};
    expect(await settleAsPaused(db, { sandboxId: one.sandboxId, executionId: "another" })).toBe(false);
    expect(await settleAsPaused(db, { sandboxId: one.sandboxId, executionId })).toBe(true);
  });

  it("of another team is neither claimed nor forgotten", async () => {
    const one = kept();
    await pause(one);
    const other = { teamId: crypto.randomUUID(), sandboxId: one.sandboxId };
    expect(await claimPaused(db, { ...other, executionId: "e" })).toBeUndefined();
    expect(await forgetPaused(db, { ...other, states: ["paused", "live", "pausing"] })).toBeUndefined();
  });

  it("that is being claimed is not forgotten as paused", async () => {
    const one = kept();
    await pause(one);
    const { sandboxId } = one;
    await using client = new SQL(server.connectionString);
    let forgetting: Promise<unknown> = Promise.resolve();
    await client.begin(async (other) => {
      await other`UPDATE snapshots SET state = 'live' WHERE sandbox_id = ${sandboxId}`;
      forgetting = forgetPaused(db, { teamId, sandboxId, states: ["paused"] });
      await Bun.sleep(100); // it waits for the row
    });
    expect(await forgetting).toBeUndefined();
    expect((await readSnapshot(db, sandboxId))?.state).toBe("live");
    expect(await forgetPaused(db, { teamId, sandboxId, states: ["live"] })).toBe("live");
    expect(await readSnapshot(db, sandboxId)).toBeUndefined();
  });

  it("of a first pause that came to nothing is gone, of a later one is what it was", async () => {
    const one = kept();
    const { sandboxId } = one;
    const first = aBuild();
    await beginPause(db, { kept: one, build: first });
    expect(await loose()).not.toContain(first.buildId);
    await undoPauseOf(db, { sandboxId, buildId: first.buildId, isAlive: true, why: "no" });
    expect(await readSnapshot(db, sandboxId)).toBeUndefined();
    expect(await loose()).toContain(first.buildId);
    const kept1 = await pause(one);
    await claimPaused(db, { teamId, sandboxId, executionId: "e-2" });
    const second = aBuild(false);
    await beginPause(db, { kept: { ...one, executionId: "e-2" }, build: second });
    expect(await readSnapshot(db, sandboxId)).toMatchObject({
      state: "pausing",
      buildId: kept1,
      pausingHasMemory: false,
    });
    await undoPauseOf(db, { sandboxId, buildId: second.buildId, isAlive: false, why: "it had ended" });
    expect(await readSnapshot(db, sandboxId)).toMatchObject({ state: "paused", buildId: kept1, hasMemory: true });
    // Told again by another replica, late: nothing changes.
    expect(await completePause(db, { sandboxId, buildId: second.buildId, size })).toBe(false);
  });

  it("that is not settled is found, once it is old enough, unless it runs", async () => {
    const pausing = kept();
    await beginPause(db, { kept: pausing, build: aBuild() });
    const live = kept();
    await pause(live);
    await claimPaused(db, { teamId, sandboxId: live.sandboxId, executionId: "e" });
    const found = async (of: { liveIds: string[]; olderThanS: number }) =>
      (await readUnsettled(db, { ...of, limit: 100 })).map(({ sandboxId }) => sandboxId);
    expect(await found({ liveIds: [], olderThanS: 60 })).toEqual([]);
    const all = await found({ liveIds: [], olderThanS: 0 });
    expect(all).toContain(pausing.sandboxId);
    expect(all).toContain(live.sandboxId);
    const some = await found({ liveIds: [live.sandboxId, pausing.sandboxId], olderThanS: 0 });
    expect(some).toContain(pausing.sandboxId);
    expect(some).not.toContain(live.sandboxId);
  });
});

it("pages in both directions, filtered, ties by id", async () => {
  const startedAtMs = 1_800_000_000_000;
  const ids = ["pb", "pa", "pc"];
  for (const sandboxId of ids) await pause(kept({ sandboxId, startedAtMs, metadata: { page: "x", "k'": '"' } }));
  await pause(kept({ sandboxId: "pd", startedAtMs: startedAtMs + 1, metadata: { page: "x" } }));
  const read = async (
    isAscending: boolean,
    after?: { atMs: number; id: string },
    metadata: Record<string, string> = { page: "x" },
  ) => {
    const of = { teamId, liveIds: ["nobody"], metadata, templateId: "t", startedAfterMs: startedAtMs };
    return (await readPaused(db, { ...of, isAscending, after, limit: 2 })).map(({ sandboxId }) => sandboxId);
  };
  expect(await read(false)).toEqual(["pd", "pa"]);
  expect(await read(false, { atMs: startedAtMs, id: "pa" })).toEqual(["pb", "pc"]);
  expect(await read(true)).toEqual(["pc", "pb"]);
  expect(await read(true, { atMs: startedAtMs, id: "pb" })).toEqual(["pa", "pd"]);
  expect(await read(false, undefined, { page: "x", "k'": '"' })).toEqual(["pa", "pb"]);
  expect(await read(false, undefined, { page: "y" })).toEqual([]);
});

describe("a build", () => {
  it("of an older pause is loose when a newer one has been kept", async () => {
    const one = kept();
    const old = await pause(one);
    await claimPaused(db, { teamId, sandboxId: one.sandboxId, executionId: "e-2" });
    expect(await loose()).not.toContain(old);
    const fresh = await pause({ ...one, executionId: "e-2" });
    expect(await loose()).toContain(old);
    await forgetBuild(db, old);
    await forgetPaused(db, { teamId, sandboxId: one.sandboxId, states: ["paused"] });
    const all = await loose();
    expect(all).toContain(fresh);
    expect(all).not.toContain(old);
  });

  it("of a checkpoint is held, then kept by its template, then loose", async () => {
    const build = { ...aBuild(), madeBy: "checkpoint" } as const;
    const { buildId } = build;
    await noteSealedBuild(db, build, 60);
    expect(await loose()).not.toContain(buildId);
    const name = { alias: "held", namespace: "local" };
    const { templateId } = await registerSnapshot(db, { teamId, sandboxId: "i", buildId, size, name, tag: "default" });
    expect(await loose()).not.toContain(buildId);
    await removeTemplate(db, templateId);
    expect(await loose()).toContain(buildId);
    const forked = { ...aBuild(), madeBy: "checkpoint" } as const;
    await noteSealedBuild(db, forked, 60);
    await letGoOfBuild(db, forked.buildId);
    expect(await loose()).toContain(forked.buildId);
  });
});
