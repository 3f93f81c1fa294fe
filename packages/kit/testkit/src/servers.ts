/** Real servers for integration tests: private, on free ports, without durability, gone when disposed of. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, startPostgres, startRedis } from "@sandlot/host";

export type TestServer = AsyncDisposable & { readonly url: string; readonly port: number; readonly dir: string };

/** A fresh PostgreSQL with an empty database `sandlot`. About one and a half seconds; share one per file. */
export async function testPostgres(): Promise<TestServer> {
  const dir = temporaryDirectory("postgres");
  const port = await onePort();
  const password = "only-for-tests";
  const server = await startPostgres({
    dir: join(dir, "data"),
    port,
    password,
    logPath: join(dir, "log"),
    isDurable: false,
  });
  return whole({ url: server.url, port, dir }, () => server.stop());
}

/** A fresh, empty Redis with a password. About fifty milliseconds. */
export async function testRedis(): Promise<TestServer> {
  const dir = temporaryDirectory("redis");
  const port = await onePort();
  const server = await startRedis({
    dir: join(dir, "data"),
    port,
    password: "only-for-tests",
    logPath: join(dir, "log"),
    markPath: join(dir, "mark.json"),
    isDurable: false,
  });
  return whole({ url: server.url, port, dir }, () => server.stop());
}

/** A temporary directory that other accounts may pass through, since servers run under their own. */
export function temporaryDirectory(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `sandlot-test-${name}-`));
  chmodSync(dir, 0o711);
  return dir;
}

async function onePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("the kernel gave no port");
  return port;
}

function whole(at: { url: string; port: number; dir: string }, stop: () => Promise<void>): TestServer {
  return {
    ...at,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(at.dir, { recursive: true, force: true });
    },
  };
}
