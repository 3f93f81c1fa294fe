/** A PostgreSQL of one's own: fresh, on a free loopback port, as a user that is not root, gone when disposed of. */
import { spawn, spawnSync } from "node:child_process";
import { chownSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { freePort } from "./free-port";
import { unprivilegedUser } from "./unprivileged-user";

export type PrivatePostgres = AsyncDisposable & {
  readonly connectionString: string;
  readonly port: number;
  /** Fast shutdown and start on the same port and data, for tests of faults. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

function binFolder(): string {
  const root = "/usr/lib/postgresql";
  const newest = readdirSync(root)
    .map(Number)
    .sort((a, b) => b - a)[0];
  if (newest === undefined) throw new Error(`no PostgreSQL under ${root}: apt-get install postgresql`);
  return join(root, String(newest), "bin");
}

/** Takes about two seconds, most of it initdb. Durability is off: nothing here outlives the test. */
export async function startPrivatePostgres(): Promise<PrivatePostgres> {
  const bin = binFolder();
  const user = unprivilegedUser("postgres");
  const folder = mkdtempSync(join(tmpdir(), "sandlot-postgres-"));
  if (user.uid !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--username=postgres", "--auth=trust", "--no-sync"];
  const made = spawnSync(join(bin, "initdb"), ["-D", data, ...locale], { ...user, cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr}`);
  const port = await freePort();
  const args = ["-D", data, "-p", String(port), "-k", folder];
  for (const setting of ["listen_addresses=127.0.0.1", "fsync=off", "full_page_writes=off", "shared_buffers=16MB"]) {
    args.push("-c", setting);
  }
  let server: ReturnType<typeof spawn> | undefined;
  const start = async (): Promise<void> => {
    const child = spawn(join(bin, "postgres"), args, { ...user, cwd: folder, stdio: "ignore" });
    server = child;
    for (let tries = 0; tries < 200; tries += 1) {
      if (child.exitCode !== null) throw new Error(`postgres ended with ${child.exitCode}`);
      const ready = spawnSync(join(bin, "pg_isready"), ["-q", "-h", "127.0.0.1", "-p", String(port)]);
      if (ready.status === 0) return;
      await sleep(50);
    }
    throw new Error("postgres did not get ready in 10 s");
  };
  const stop = async (): Promise<void> => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGINT");
    await ended;
  };
  await start();
  return {
    port,
    connectionString: `postgres://postgres@127.0.0.1:${port}/postgres?sslmode=disable`,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
