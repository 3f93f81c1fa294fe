// E2: a sandbox that takes all it can get of one thing. While it does, a neighbour and the services answer within a
// bound, the host keeps its memory, and the greedy one can be killed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { api, create, pause, until } from "../e2e/support.mjs";

/** Far above what a loaded machine of two cores needs, far below what anyone would call hanging. */
const ANSWER_MS = 10_000;
/** A sandbox's own gigabyte, and what else goes on on this host meanwhile. */
const MEMORY_MIB = 1_700;
let neighbour;
let program;
before(async () => {
  neighbour = await create();
  program = await readFile(new URL("guest/greedy.py", import.meta.url), "utf8");
});

async function availableMiB() {
  const text = await readFile("/proc/meminfo", "utf8");
  return Number(/MemAvailable:\s+(\d+)/.exec(text)[1]) / 1024;
}

/** One look at everyone else: command, file, terminal, kernel event ring, name, list of the API. */
async function othersAnswer() {
  const startedMs = Date.now();
  const ring = `python3 -c 'import ctypes,os
l=ctypes.CDLL(None); n=206 if os.uname().machine=="x86_64" else 0
print(l.syscall(n,128,ctypes.byref(ctypes.c_ulong(0))))'; echo >/dev/shm/x; getent hosts localhost >/dev/null && echo fine`;
  const [ran] = await Promise.all([
    neighbour.commands.run(ring, { timeoutMs: 20_000 }),
    neighbour.files.write("here.txt", "x"),
    neighbour.pty.create({ cols: 80, rows: 24, onData() {} }).then((terminal) => terminal.kill()),
    api("GET", "/v2/sandboxes").then((list) => assert.equal(list.status, 200)),
  ]);
  assert.equal(ran.stdout, "0\nfine\n");
  return Date.now() - startedMs;
}

async function greedy(what, { seconds = 4 } = {}) {
  const sandbox = await create();
  await sandbox.files.write("greedy.py", program);
  await othersAnswer();
  const freeBefore = await availableMiB();
  let said = "";
  const run = await sandbox.commands.run(`sudo python3 greedy.py ${what} ${seconds}`, {
    background: true,
    timeoutMs: 60_000,
    onStdout: (text) => {
      said += text;
    },
  });
  const ended = run.wait().catch((error) => error);
  let isOver = false;
  void ended.finally(() => {
    isOver = true;
  });
  let slowestMs = 0;
  let takenMiB = 0;
  do {
    await pause(300);
    slowestMs = Math.max(slowestMs, await othersAnswer());
    takenMiB = Math.max(takenMiB, freeBefore - (await availableMiB()));
  } while (!isOver);
  assert.ok(slowestMs < ANSWER_MS, `${what}: others waited ${slowestMs} ms`);
  assert.ok(takenMiB < MEMORY_MIB, `${what}: took ${Math.round(takenMiB)} MiB of the host`);
  const alive = () => sandbox.commands.run("echo alive", { timeoutMs: 5_000 }).then((result) => result.stdout);
  await until(async () => (await alive().catch(() => "")) === "alive\n", { withinMs: 60_000, what: `${what}: life` });
  const killMs = Date.now();
  assert.equal(await sandbox.kill(), true);
  assert.ok(Date.now() - killMs < ANSWER_MS, `${what}: the kill took ${Date.now() - killMs} ms`);
  return said.trim();
}

test("E2 a fork bomb ends at the sandbox's own limit", async () => {
  await greedy("processes", { seconds: 3 });
});

test("E2 memory, of programs and of a tmpfs, ends with the hog's death", async () => {
  assert.equal(await greedy("memory"), "signal 9");
  assert.equal(await greedy("shared_memory"), "signal 9");
});

test("E2 files of a gigabyte stay within the sandbox's memory as page cache", async () => {
  assert.equal(await greedy("page_cache"), "done");
});

test("E2 memory of the kernel's that lies in connections is bounded", async () => {
  const mebibytes = Number.parseInt(await greedy("tcp", { seconds: 2 }), 10);
  assert.ok(mebibytes < 600, `${mebibytes} MiB`);
});

test("E2 the disk is full for its owner alone", async () => {
  const usedBefore = diskUsedMiB();
  assert.equal(await greedy("disk"), "ENOSPC");
  assert.ok(diskUsedMiB() - usedBefore < 1_500);
});

test("E2 files by the hundred thousand", async () => {
  await greedy("inodes", { seconds: 0 });
});

test("E2 terminals, event rings and descriptors end for their owner alone", async () => {
  const [terminals, why] = tuple(await greedy("terminals", { seconds: 2 }));
  assert.ok(terminals < 2_000, `${terminals} terminals, then ${why}`);
  await greedy("events", { seconds: 2 });
  const [files, end] = tuple(await greedy("files", { seconds: 1 }));
  assert.ok(files < 100_000, `${files} files`);
  assert.equal(end, "EMFILE");
});

test("E2 a flood of names and half-made packets at the node's resolver", async () => {
  assert.equal(await greedy("names", { seconds: 4 }), "done");
});

test("E2, D6 a flood of log lines, binary and endless ones, does not reach the host's disk", async () => {
  const logs = `${process.env.SANDLOT_DATA_DIR}/logs`;
  const size = () => Number(execFileSync("du", ["-sk", logs], { encoding: "utf8" }).split("\t")[0]);
  const before = size();
  assert.equal(await greedy("log", { seconds: 3 }), "done");
  assert.ok(size() - before < 2_048, `the logs grew by ${size() - before} KiB`);
});

test("E2 a sandbox that ends itself is gone, and only it", async () => {
  const ways = [
    `sudo python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x01234567)'`,
    `sudo python3 -c 'import ctypes; ctypes.CDLL(None).reboot(0x4321fedc)'`,
    "sudo kill -TERM 1",
  ];
  await Promise.all(
    ways.map(async (way) => {
      const sandbox = await create();
      await sandbox.commands.run(way, { timeoutMs: 5_000 }).catch(() => undefined);
      const gone = async () => !(await sandbox.isRunning().catch(() => false));
      await until(gone, { withinMs: 60_000, what: `the end after ${way}` });
      const listed = async () =>
        (await api("GET", "/v2/sandboxes?limit=100")).json.some((item) => item.sandboxID === sandbox.sandboxId);
      await until(async () => !(await listed()), { withinMs: 60_000, what: "its absence from the list" });
    }),
  );
  assert.ok((await othersAnswer()) < ANSWER_MS);
});

test("E2 kill -9 -1 as root: the sandbox comes back with its identity", async () => {
  const sandbox = await create({ envs: { COLOUR: "blue" } });
  await sandbox.commands.run("sudo kill -9 -1", { timeoutMs: 5_000 }).catch(() => undefined);
  const colour = () => sandbox.commands.run("echo $COLOUR", { timeoutMs: 5_000 }).then((result) => result.stdout);
  await until(async () => (await colour().catch(() => "")) === "blue\n", { withinMs: 60_000, what: "its return" });
});

function tuple(text) {
  const [count, why] = text.replace(/[()' ]/g, "").split(",");
  return [Number(count), why];
}

function diskUsedMiB() {
  const line = execFileSync("df", ["-m", "--output=used", process.env.SANDLOT_DATA_DIR], { encoding: "utf8" });
  return Number(line.split("\n")[1]);
}
