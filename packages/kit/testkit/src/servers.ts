/** Real servers for tests: private, on free ports, without durability, gone when disposed of. */
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, startPostgres, startRedis } from "@sandlot/host";

export type TestServer = AsyncDisposable & {
  readonly port: number;
  /** Holds `data`, `log` and, for Redis, `mark.json`. */
  readonly dir: string;
  /** Ends and starts it again on the same port and data, for tests of faults. A stopped Redis forgets all. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

export type PrivatePostgres = TestServer & { readonly connectionString: string };
export type PrivateRedis = TestServer & { readonly url: string };

const PASSWORD = "only-for-tests";

/** A fresh PostgreSQL with an empty database of a superuser's. About half a second; share one per file. */
export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const dir = temporaryDirectory("postgres");
  const port = await freePort();
  const options = { dir: join(dir, "data"), port, password: PASSWORD, logPath: join(dir, "log"), isDurable: false };
  const { url: connectionString, ...rest } = await whole(dir, port, () => startPostgres(options));
  return { ...rest, connectionString };
}

/** A fresh, empty Redis with a password. About fifty milliseconds. */
export async function startPrivateRedis(): Promise<PrivateRedis> {
  const dir = temporaryDirectory("redis");
  const port = await freePort();
  const paths = { dir: join(dir, "data"), logPath: join(dir, "log"), markPath: join(dir, "mark.json") };
  return await whole(dir, port, () => startRedis({ ...paths, port, password: PASSWORD, isDurable: false }));
}

/** A temporary directory that other accounts may pass through, since servers run under their own. */
export function temporaryDirectory(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `sandlot-test-${name}-`));
  chmodSync(dir, 0o711);
  return dir;
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("the kernel gave no port");
  return port;
}

async function whole(
  dir: string,
  port: number,
  boot: () => Promise<{ url: string; stop(): Promise<void> }>,
): Promise<TestServer & { url: string }> {
  const clean = (): void => rmSync(dir, { recursive: true, force: true });
  let server = await boot().catch((thrown) => {
    clean();
    throw thrown;
  });
  return {
    url: server.url,
    port,
    dir,
    stop: () => server.stop(),
    start: async () => {
      server = await boot();
    },
    async [Symbol.asyncDispose]() {
      await server.stop();
      clean();
    },
  };
}
