/** What was measured and logged: told twice and kept once, seen by its team only, forgotten after a week. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { type PrivatePostgres, startPrivatePostgres } from "@sandlot/testkit";
import { SQL } from "bun";
import {
  addLogEntries,
  addSandboxSamples,
  addTeamCounts,
  type Database,
  hasLogEntries,
  migrate,
  openDatabase,
  readLatestSamples,
  readLogEntries,
  readSampleSpan,
  readSandboxSamples,
  readTeamCounts,
  readTeamPeak,
  rollKept,
} from "../src/index";

let server: PrivatePostgres;
let db: Database;
beforeAll(async () => {
  server = await startPrivatePostgres();
  await migrate({ connectionString: server.connectionString });
  db = openDatabase({ connectionString: server.connectionString });
}, 60_000);
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const DAY_MS = 24 * 3_600_000;
const NOW = Date.now();
const TEAM = crypto.randomUUID();
const OTHER = crypto.randomUUID();
const SIZES = { memUsedBytes: 1, memTotalBytes: 5_000_000_000, memCacheBytes: 2, diskUsedBytes: 3, diskTotalBytes: 4 };
const sampleAt = (atMs: number, cpuUsedPct = 1, sandboxId = "i1") => ({
  ...{ sandboxId, teamId: TEAM, atMs, cpuCount: 2, cpuUsedPct },
  ...SIZES,
});
const whole = { fromMs: NOW - 30 * DAY_MS, toMs: NOW + DAY_MS };

it("keeps a sample once, in buckets with the highest value at the time of the first sample", async () => {
  const samples = [sampleAt(NOW - 20_000, 5), sampleAt(NOW - 19_500, 50), sampleAt(NOW, 7)];
  await addSandboxSamples(db, samples);
  await addSandboxSamples(db, samples);
  const key = { teamId: TEAM, sandboxId: "i1" };
  const fine = await readSandboxSamples(db, { ...key, ...whole, bucketS: 5 });
  expect(fine.reduce((sum, { cpuUsedPct }) => Math.max(sum, cpuUsedPct), 0)).toBe(50);
  expect(fine.at(-1)).toMatchObject({ atMs: NOW, cpuUsedPct: 7, memTotalBytes: 5_000_000_000 });
  expect(fine[0]?.atMs).toBe(NOW - 20_000);
  expect((await readSandboxSamples(db, { ...key, ...whole, bucketS: 100_000_000 })).length).toBe(1);
  expect(await readSandboxSamples(db, { ...key, fromMs: NOW - DAY_MS, toMs: NOW - 21_000, bucketS: 5 })).toEqual([]);
  expect(await readSampleSpan(db, key)).toEqual({ firstMs: NOW - 20_000, lastMs: NOW });
  expect(await readSampleSpan(db, { ...key, teamId: OTHER })).toBeUndefined();
  const latest = await readLatestSamples(db, { teamId: TEAM, sandboxIds: ["i1", "i2"] });
  expect([...latest.keys()]).toEqual(["i1"]);
  expect(latest.get("i1")?.cpuUsedPct).toBe(7);
  expect((await readLatestSamples(db, { teamId: OTHER, sandboxIds: ["i1"] })).size).toBe(0);
});

it("keeps log lines once and whatever stands in them, and finds them by level, text and time", async () => {
  const source = crypto.randomUUID();
  const base = { sandboxId: "i1", teamId: TEAM, source, logger: "envd", fields: { "a\u0000": "\ud800" } } as const;
  const texts = ["plain", "\u001b[31mred\n{}", "nul\u0000half\udc00", "100%_x"];
  const entries = texts.map((message, at) => ({
    ...{ ...base, message, sequence: at, atMs: NOW - 1_000 + at },
    level: (["debug", "info", "warn", "error"] as const)[at] ?? "info",
  }));
  await addLogEntries(db, entries);
  await addLogEntries(db, entries);
  const key = { teamId: TEAM, sandboxId: "i1" };
  const read = async (of: object) =>
    (
      await readLogEntries(db, {
        ...{ ...key, ...whole, direction: "forward", minLevel: "debug", search: "", limit: 10 },
        ...of,
      })
    ).map(({ message }) => message);
  const kept = ["plain", "\u001b[31mred\n{}", "nul\ufffdhalf\ufffd", "100%_x"];
  expect(await read({})).toEqual(kept);
  expect(await read({ direction: "backward", limit: 2 })).toEqual(kept.toReversed().slice(0, 2));
  expect(await read({ minLevel: "warn" })).toEqual(kept.slice(2));
  expect(await read({ search: "%" })).toEqual(["100%_x"]);
  expect(await read({ search: "PLAIN" })).toEqual([]);
  expect(await read({ fromMs: NOW - 998 })).toEqual(kept.slice(2));
  expect(await read({ direction: "backward", toMs: NOW - 998 })).toEqual(kept.slice(0, 2).toReversed());
  expect(await read({ teamId: OTHER })).toEqual([]);
  expect([await hasLogEntries(db, key), await hasLogEntries(db, { ...key, teamId: OTHER })]).toEqual([true, false]);
});

it("adds up a team's starts and takes the most sandboxes of several tellers", async () => {
  const atMs = Math.floor(NOW / 10_000) * 10_000;
  await addTeamCounts(db, [{ teamId: TEAM, atMs, concurrent: 3, started: 2 }]);
  await addTeamCounts(db, [{ teamId: TEAM, atMs, concurrent: 2, started: 1 }]);
  await addTeamCounts(db, [{ teamId: TEAM, atMs: atMs - 10_000, concurrent: 9, started: 0 }]);
  const counts = await readTeamCounts(db, { teamId: TEAM, ...whole, bucketS: 10 });
  expect(counts.at(-1)).toEqual({ atMs, concurrent: 3, started: 3 });
  const peak = (of: "concurrent" | "started") => readTeamPeak(db, { teamId: TEAM, ...whole, of });
  expect(await peak("concurrent")).toEqual({ atMs: atMs - 10_000, value: 9 });
  expect(await peak("started")).toEqual({ atMs, value: 3 });
  expect(await readTeamPeak(db, { teamId: OTHER, ...whole, of: "started" })).toBeUndefined();
});

it("makes the days to come, moves what came before its day was made, and forgets what is past a week", async () => {
  await using sql = new SQL(server.connectionString);
  const days = async () =>
    (await sql`SELECT relname FROM pg_class WHERE relname ~ '^sandbox_(metrics|logs)_[0-9]{8}$'`).length;
  await addSandboxSamples(db, [sampleAt(NOW - 20 * DAY_MS, 1, "old"), sampleAt(NOW - 5 * DAY_MS, 1, "young")]);
  expect(await days()).toBe(0);
  await Promise.all([rollKept(db), rollKept(db)]);
  expect(await days()).toBe(8);
  await rollKept(db);
  const [rest] = await sql`SELECT count(*)::integer AS rows FROM sandbox_metrics_rest`;
  expect(rest.rows).toBe(1); // the five days old one; today's moved into their day
  const latest = await readLatestSamples(db, { teamId: TEAM, sandboxIds: ["old", "young", "i1"] });
  expect([...latest.keys()].toSorted()).toEqual(["i1", "young"]);
  await sql.unsafe(
    "CREATE TABLE sandbox_metrics_20200101 PARTITION OF sandbox_metrics FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')",
  );
  await addTeamCounts(db, [{ teamId: OTHER, atMs: NOW - 20 * DAY_MS, concurrent: 1, started: 1 }]);
  await rollKept(db);
  expect(await days()).toBe(8);
  expect(await readTeamCounts(db, { teamId: OTHER, ...whole, bucketS: 10 })).toEqual([]);
});
