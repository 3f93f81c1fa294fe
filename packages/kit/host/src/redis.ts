/** The distribution's Redis as a private child: own directory, own account, loopback only, with a password, adopted when it lives. */
import { chownSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { hostFaults } from "./faults";
import { accountOf } from "./postgres";
import { dropMark, endProcess, isRunning, type ProcessMark, readMark, writeMark } from "./processes";
import { spawnDetached } from "./spawn";

const PROGRAM = "/usr/bin/redis-server";
const ACCOUNT = "redis";
/** Loading a large append-only file takes seconds, not minutes. */
const READY_WITHIN_MS = 60_000;

export type PrivateRedis = {
  readonly url: string;
  readonly mark: ProcessMark;
  readonly wasAdopted: boolean;
  stop(): Promise<void>;
};

export type RedisOptions = {
  readonly dir: string;
  readonly port: number;
  readonly password: string;
  readonly logPath: string;
  /** File that remembers the running server for the next process. */
  readonly markPath: string;
  /** Only tests keep nothing on disk. */
  readonly isDurable?: boolean;
};

/**
 * Starts or adopts the server. Its URL carries the password.
 * @throws Fault `host_server_missing`, `host_server_ended`, `host_server_not_ready`, `host_command_failed`
 */
export async function startRedis(of: RedisOptions): Promise<PrivateRedis> {
  if (!existsSync(PROGRAM))
    throw hostFaults.server_missing({ server: "Redis", cure: "install the package redis-server" });
  const url = `redis://:${of.password}@127.0.0.1:${of.port}/0`;
  const old = readMark(of.markPath);
  if (old !== undefined && (await answers(of.port, of.password))) {
    return { url, mark: old, wasAdopted: true, stop: () => stopRedis(of.markPath) };
  }
  if (old !== undefined) await endProcess(old, { graceMs: 5_000 });
  const mark = await bootRedis(of);
  await untilReady(of, mark);
  return { url, mark, wasAdopted: false, stop: () => stopRedis(of.markPath) };
}

export async function stopRedis(markPath: string): Promise<void> {
  const mark = readMark(markPath);
  if (mark !== undefined) await endProcess(mark, { graceMs: 10_000 });
  dropMark(markPath);
}

async function bootRedis(of: RedisOptions): Promise<ProcessMark> {
  const [uid, gid] = await accountOf(ACCOUNT);
  mkdirSync(of.dir, { recursive: true, mode: 0o700 });
  chownSync(of.dir, uid, gid);
  const config = join(of.dir, "redis.conf");
  writeFileSync(config, redisConf(of), { mode: 0o600 });
  chownSync(config, uid, gid);
  const { mark } = await spawnDetached({ argv: [PROGRAM, config], logPath: of.logPath, user: ACCOUNT, cwd: of.dir });
  writeMark(of.markPath, mark);
  return mark;
}

/** Nothing may be evicted: these are records, not a cache. */
function redisConf(of: RedisOptions): string {
  return [
    "bind 127.0.0.1",
    `port ${of.port}`,
    `dir ${of.dir}`,
    `requirepass ${of.password}`,
    "daemonize no",
    'save ""',
    `appendonly ${of.isDurable === false ? "no" : "yes"}`,
    "appendfsync everysec",
    "maxmemory-policy noeviction",
    "tcp-backlog 128",
    'logfile ""',
    "",
  ].join("\n");
}

async function untilReady(of: RedisOptions, mark: ProcessMark): Promise<void> {
  const startMs = performance.now();
  for (let gapMs = 10; !(await answers(of.port, of.password)); gapMs = Math.min(gapMs * 1.5, 200)) {
    const waitedMs = performance.now() - startMs;
    if (!isRunning(mark)) throw hostFaults.server_ended({ server: "Redis", log: of.logPath });
    if (waitedMs > READY_WITHIN_MS) {
      throw hostFaults.server_not_ready({ server: "Redis", waitedMs, log: of.logPath });
    }
    await sleep(gapMs);
  }
}

/** Whether a Redis with our password, done loading, answers on the port. */
function answers(port: number, password: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 2_000 });
    let seen = "";
    const end = (isOurs: boolean): void => {
      socket.destroy();
      resolve(isOurs);
    };
    socket.on("connect", () => socket.write(`AUTH ${password}\r\nPING\r\n`));
    socket.on("data", (bytes) => {
      seen += bytes.toString("latin1");
      if (seen.includes("+PONG\r\n")) end(true);
      else if (/^-/m.test(seen)) end(false);
    });
    socket.on("error", () => end(false));
    socket.on("timeout", () => end(false));
    socket.on("close", () => end(false));
  });
}
