/** The distribution's PostgreSQL as a private child: own directory, own account, loopback only, adopted when it lives. */
import { chownSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { hostFaults } from "./faults";
import { endProcess, isRunning, markOf, type ProcessMark } from "./processes";
import { list, readLink, readText } from "./reads";
import { inherited, run, spawnDetached, tryRun } from "./spawn";

const BINARIES = "/usr/lib/postgresql";
const ACCOUNT = "postgres";
/** First start replays nothing, but a start after a crash may replay a while. */
const READY_WITHIN_MS = 60_000;
/** Backends of a killed server end when they notice, once what they write has reached the disk. */
const RELEASED_WITHIN_MS = 60_000;

export type PrivatePostgres = {
  readonly url: string;
  readonly mark: ProcessMark;
  readonly wasAdopted: boolean;
  /** Ends it in order: clients are cut, data is written. Idempotent. */
  stop(): Promise<void>;
};

export type PostgresOptions = {
  /** The server's own directory; made by `initdb` when it is empty. */
  readonly dir: string;
  readonly port: number;
  readonly password: string;
  readonly logPath: string;
  /** Where the unix socket goes; left out when the path would be too long for one. */
  readonly socketDir?: string;
  /** Only tests give up durability for speed. */
  readonly isDurable?: boolean;
};

/** Newest installed version, or the one that made `dir`. @throws Fault `host_server_missing` */
export function postgresBinaries(dir?: string): string {
  const made = dir === undefined ? "" : readText(join(dir, "PG_VERSION")).trim();
  const versions = list(BINARIES).filter((name) => /^\d+$/.test(name));
  const version = made !== "" ? made : versions.sort((a, b) => Number(b) - Number(a))[0];
  const bin = join(BINARIES, version ?? "none", "bin");
  if (version === undefined || !existsSync(join(bin, "postgres"))) {
    const cure = made === "" ? "install the package postgresql" : `install the package postgresql-${made}`;
    throw hostFaults.server_missing({ server: "PostgreSQL", cure });
  }
  return bin;
}

/**
 * Starts or adopts the server, and makes the database `sandlot` in it.
 * @returns its URL with the password in it
 * @throws Fault `host_server_missing`, `host_directory_in_use`, `host_server_ended`, `host_server_not_ready`,
 * `host_directory_closed`, `host_command_failed`
 */
export async function startPostgres(of: PostgresOptions): Promise<PrivatePostgres> {
  const bin = postgresBinaries(of.dir);
  const adopted = await adopt(bin, of);
  const mark = adopted ?? (await bootPostgres(bin, of));
  if (adopted === undefined) {
    if (!(await isReady(bin, of, mark))) throw hostFaults.server_ended({ server: "PostgreSQL", log: of.logPath });
    await makeDatabase(bin, of);
  }
  const url = `postgres://sandlot:${of.password}@127.0.0.1:${of.port}/sandlot?sslmode=disable`;
  return { url, mark, wasAdopted: adopted !== undefined, stop: () => endPostgres(mark) };
}

/** What runs on the directory, once it answers; undefined where it ends meanwhile, as one does that was just killed. */
async function adopt(bin: string, of: PostgresOptions): Promise<ProcessMark | undefined> {
  const running = runningPostgres(of.dir);
  if (running === undefined) return undefined;
  if (running.port === of.port) return (await isReady(bin, of, running.mark)) ? running.mark : undefined;
  await endPostgres(running.mark);
  return undefined;
}

/** The server that runs on `dir`, by its own pid file; a stale file does not count. */
export function runningPostgres(dir: string): { mark: ProcessMark; port: number } | undefined {
  const [pid = "", , , port] = readText(join(dir, "postmaster.pid")).split("\n");
  const mark = pid === "" ? undefined : markOf(Number(pid));
  if (mark === undefined) return undefined;
  // A recycled pid has another command line.
  if (!readText(`/proc/${mark.pid}/cmdline`).split("\0").includes(dir)) return undefined;
  return { mark, port: Number(port ?? 0) };
}

/** "Fast" shutdown; on a deadline "immediate", which only costs a replay at the next start. */
async function endPostgres(mark: ProcessMark): Promise<void> {
  if (!(await endProcess(mark, { signal: "SIGINT", graceMs: 15_000 }))) await sleep(200);
}

export async function stopPostgres(dir: string): Promise<void> {
  const running = runningPostgres(dir);
  if (running !== undefined) await endPostgres(running.mark);
}

/** Waits until nothing of a killed server works in `dir`, and takes away what it would have removed itself. */
async function release(dir: string, socketDir: string): Promise<void> {
  const startMs = performance.now();
  for (let gapMs = 10; ; gapMs = Math.min(gapMs * 1.5, 200)) {
    const pids = processesIn(dir);
    if (pids.length === 0) break;
    if (performance.now() - startMs > RELEASED_WITHIN_MS)
      throw hostFaults.directory_in_use({ directory: dir, pids: pids.join(" ") });
    await sleep(gapMs);
  }
  // The next server would take its predecessor's pid for a server that runs, as long as nobody has reaped that.
  rmSync(join(dir, "postmaster.pid"), { force: true });
  const locks = list(socketDir).filter((name) => name.endsWith(".lock"));
  for (const name of locks) rmSync(join(socketDir, name), { force: true });
}

/** Each process of a server works in its directory; a person's shell that is there too does not count. */
function processesIn(dir: string): string[] {
  const real = realpathSync(dir);
  const isOfServer = (pid: string): boolean =>
    readLink(`/proc/${pid}/cwd`) === real && readText(`/proc/${pid}/comm`) === "postgres\n";
  return list("/proc").filter((name) => /^\d+$/.test(name) && isOfServer(name));
}

async function bootPostgres(bin: string, of: PostgresOptions): Promise<ProcessMark> {
  const [uid, gid] = await accountOf(ACCOUNT);
  const socketDir = socketDirOf(of, uid, gid);
  if (existsSync(join(of.dir, "PG_VERSION"))) await release(of.dir, socketDir);
  else await makeCluster(bin, of, uid, gid);
  const settings = [
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${socketDir}`,
    "max_connections=100",
    "shared_buffers=64MB",
    "dynamic_shared_memory_type=mmap",
    "logging_collector=off",
    ...(of.isDurable === false ? ["fsync=off", "full_page_writes=off"] : []),
  ].flatMap((setting) => ["-c", setting]);
  const { mark } = await spawnDetached({
    argv: [join(bin, "postgres"), "-D", of.dir, "-p", String(of.port), ...settings],
    logPath: of.logPath,
    user: ACCOUNT,
  });
  return mark;
}

async function makeCluster(bin: string, of: PostgresOptions, uid: number, gid: number): Promise<void> {
  // What an interrupted initdb left is no cluster: it lacks PG_VERSION or was never started.
  rmSync(of.dir, { recursive: true, force: true });
  mkdirSync(of.dir, { recursive: true, mode: 0o700 });
  chownSync(of.dir, uid, gid);
  if ((await tryRun(["test", "-x", of.dir], { user: ACCOUNT })).exitCode !== 0) {
    throw hostFaults.directory_closed({ directory: dirname(of.dir), user: ACCOUNT });
  }
  const pwfile = join(of.dir, "..", `.initdb-${process.pid}`);
  writeFileSync(pwfile, of.password, { mode: 0o600 });
  chownSync(pwfile, uid, gid);
  try {
    const auth = ["--auth=scram-sha-256", `--pwfile=${pwfile}`, "--username=sandlot"];
    const argv: [string, ...string[]] = [join(bin, "initdb"), "-D", of.dir, "-E", "UTF8", "--locale=C.UTF-8", ...auth];
    if (of.isDurable === false) argv.push("--no-sync");
    await run(argv, { user: ACCOUNT, env: inherited() });
  } catch (thrown) {
    rmSync(of.dir, { recursive: true, force: true });
    throw thrown;
  } finally {
    rmSync(pwfile, { force: true });
  }
}

/** Unix socket paths end at 107 bytes. */
function socketDirOf(of: PostgresOptions, uid: number, gid: number): string {
  if (of.socketDir === undefined || Buffer.byteLength(of.socketDir) > 85) return "";
  mkdirSync(of.socketDir, { recursive: true, mode: 0o750 });
  chownSync(of.socketDir, uid, gid);
  return of.socketDir;
}

/** Waits until it answers. @returns false when it has ended instead */
async function isReady(bin: string, of: PostgresOptions, mark: ProcessMark): Promise<boolean> {
  const startMs = performance.now();
  for (let gapMs = 20; ; gapMs = Math.min(gapMs * 1.5, 200)) {
    const ask = await tryRun([join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", String(of.port)]);
    if (!isRunning(mark)) return false;
    if (ask.exitCode === 0) return true;
    const waitedMs = performance.now() - startMs;
    if (waitedMs > READY_WITHIN_MS) {
      throw hostFaults.server_not_ready({ server: "PostgreSQL", waitedMs, log: of.logPath });
    }
    await sleep(gapMs);
  }
}

async function makeDatabase(bin: string, of: PostgresOptions): Promise<void> {
  const at = ["-h", "127.0.0.1", "-p", String(of.port), "-U", "sandlot"];
  const made = await tryRun([join(bin, "createdb"), ...at, "sandlot"], {
    env: { ...inherited(), PGPASSWORD: of.password },
  });
  if (made.exitCode !== 0 && !made.stderr.includes("already exists")) {
    throw hostFaults.command_failed({ command: "createdb", exitCode: made.exitCode, output: made.stderr.trim() });
  }
}

/** Numeric ids of a system account. */
export async function accountOf(name: string): Promise<[uid: number, gid: number]> {
  const row = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((line) => line.startsWith(`${name}:`));
  if (row === undefined)
    throw hostFaults.server_missing({ server: `the account ${name}`, cure: "install its package" });
  const fields = row.split(":");
  return [Number(fields[2]), Number(fields[3])];
}
