import { afterAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { endProcess, runningPostgres, startPostgres, startRedis } from "@sandlot/host";
import { startPrivatePostgres, startPrivateRedis, type TestServer } from "../src/index";

const open: TestServer[] = [];
afterAll(async () => {
  for (const server of open) await server[Symbol.asyncDispose]();
});

test("a private PostgreSQL answers, is adopted, survives kill -9 with its data, and leaves nothing", async () => {
  const server = await startPrivatePostgres();
  open.push(server);
  const sql = new Bun.SQL(server.connectionString);
  await sql`create table kept (n int)`;
  await sql`insert into kept values (7)`;
  await sql.close();
  const options = {
    dir: join(server.dir, "data"),
    port: server.port,
    password: "only-for-tests",
    logPath: join(server.dir, "log"),
    isDurable: false,
  };
  const adopted = await startPostgres(options);
  expect(adopted.wasAdopted).toBe(true);
  await endProcess(adopted.mark, { signal: "SIGKILL" });
  const again = await startPostgres(options);
  expect(again.wasAdopted).toBe(false);
  const after = new Bun.SQL(again.url);
  expect((await after`select n from kept`)[0].n).toBe(7);
  await after.close();
  await again.stop();
  expect(runningPostgres(options.dir)).toBeUndefined();
}, 60_000);

test("a private Redis wants its password, is adopted, and comes back after kill -9", async () => {
  const server = await startPrivateRedis();
  open.push(server);
  const client = new Bun.RedisClient(server.url);
  await client.set("k", "v");
  expect(await client.get("k")).toBe("v");
  client.close();
  const anonymous = new Bun.RedisClient(`redis://127.0.0.1:${server.port}/0`);
  expect(anonymous.get("k")).rejects.toThrow();
  anonymous.close();
  const options = {
    dir: join(server.dir, "data"),
    port: server.port,
    password: "only-for-tests",
    logPath: join(server.dir, "log"),
    markPath: join(server.dir, "mark.json"),
  };
  const adopted = await startRedis(options);
  expect(adopted.wasAdopted).toBe(true);
  await endProcess(adopted.mark, { signal: "SIGKILL" });
  const again = await startRedis(options);
  expect(again.wasAdopted).toBe(false);
  await again.stop();
  expect(existsSync(options.markPath)).toBe(false);
}, 60_000);
