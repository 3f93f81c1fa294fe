/** Migrations, seeding and lookups on a real PostgreSQL, and what happens when it goes away. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { hashApiKey, parseTemplateReference } from "@sandlot/domain";
import { type PrivatePostgres, startPrivatePostgres } from "@sandlot/testkit";
import {
  type Database,
  ensureInstallation,
  migrate,
  NEWEST_MIGRATION,
  openDatabase,
  readBuild,
  readOwnTemplates,
  readTeamByKeyHash,
  readTemplate,
  registerTemplateBuild,
} from "../src/index";

let server: PrivatePostgres;
let db: Database;
beforeAll(async () => {
  server = await startPrivatePostgres();
  db = openDatabase({ connectionString: server.connectionString });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const KEY = `e2b_${"1a".repeat(20)}`;
const SIZE = { cpuCount: 2, memoryMiB: 1024, diskMiB: 10_240, envdVersion: "0.6.13" };

it("knows its newest migration, and each has a version of its own", () => {
  const versions = readdirSync(join(import.meta.dir, "../migrations")).map((name) => name.split("_")[0]);
  expect(versions.toSorted().at(-1)).toBe(NEWEST_MIGRATION);
  expect(new Set(versions).size).toBe(versions.length);
});

it("refuses to work on an old schema, migrates, and migrating again changes nothing", async () => {
  await expect(db.assertMigrated()).rejects.toThrow("the database is at migration none");
  const { connectionString } = server;
  expect((await migrate({ connectionString })).newest).toBe(NEWEST_MIGRATION);
  expect((await migrate({ connectionString })).output).not.toContain("Applied");
  await db.assertMigrated();
});

it("seeds an installation once, however often and by however many", async () => {
  const all = await Promise.all([1, 2, 3].map(() => ensureInstallation(db, { apiKey: KEY })));
  expect(new Set(all.map(({ teamId }) => teamId)).size).toBe(1);
  expect(new Set(all.map(({ userId }) => userId)).size).toBe(1);
  const found = await readTeamByKeyHash(db, hashApiKey(KEY) ?? "");
  expect(found?.team).toMatchObject({ slug: "local", concurrentSandboxes: 200, maxLengthHours: 24, isBanned: false });
  await expect(ensureInstallation(db, { apiKey: "nonsense" })).rejects.toThrow("e2b_");
});

it("registers builds: the newest one is meant, the old one can still be named", async () => {
  const { teamId } = await ensureInstallation(db, { apiKey: KEY });
  const [first, second] = [crypto.randomUUID(), crypto.randomUUID()];
  const seed = { teamId, alias: "base", isPublic: true, ...SIZE };
  const { templateId } = await registerTemplateBuild(db, { ...seed, buildId: first });
  expect(await registerTemplateBuild(db, { ...seed, buildId: first })).toEqual({ templateId });
  expect(await readBuild(db, { templateId, tag: "default" })).toEqual({
    buildId: first,
    ...SIZE,
    runtimes: ["container"],
  });
  expect(await registerTemplateBuild(db, { ...seed, buildId: second })).toEqual({ templateId });
  expect((await readBuild(db, { templateId, tag: "default" }))?.buildId).toBe(second);
  expect((await readBuild(db, { templateId, tag: first }))?.buildId).toBe(first);
  expect(await readBuild(db, { templateId, tag: "other" })).toBeUndefined();
  const find = (input: string) => readTemplate(db, { reference: parseTemplateReference(input), ownSlug: "elsewhere" });
  expect(await find("base")).toMatchObject({ templateId, isPublic: true, alias: "base" });
  expect(await find(templateId)).toMatchObject({ templateId, alias: "base" });
  expect(await find("local/base")).toBeUndefined();
  expect(await find("none")).toBeUndefined();
  expect(await readOwnTemplates(db, teamId)).toMatchObject([{ templateId, buildId: second, buildCount: 2 }]);
  const other = await ensureInstallation(db, { apiKey: `e2b_${"2b".repeat(20)}`, teamSlug: "other" });
  const theft = registerTemplateBuild(db, { ...seed, teamId: other.teamId, buildId: crypto.randomUUID() });
  await expect(theft).rejects.toThrow("the name base belongs to another team");
});

it("undoes a transaction that fails", async () => {
  const { teamId } = await ensureInstallation(db, { apiKey: KEY });
  const failed = db.transaction(async (queries) => {
    const { addTemplate } = await import("../src/gen/add-template");
    await queries.run(addTemplate, { templateId: "x".repeat(20), teamId, isPublic: false, userId: null });
    throw new Error("on purpose");
  });
  await expect(failed).rejects.toThrow("on purpose");
  expect(
    await readTemplate(db, { reference: parseTemplateReference("x".repeat(20)), ownSlug: "local" }),
  ).toBeUndefined();
});

it("is a fault while the server is away, and works again when it is back", async () => {
  await server.stop();
  await expect(db.ping()).rejects.toMatchObject({ code: "db_unavailable" });
  await expect(db.transaction((queries) => readTeamByKeyHash(queries, "x"))).rejects.toMatchObject({
    code: "db_unavailable",
  });
  await server.start();
  await db.ping();
});
