import { expect, test } from "bun:test";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { endProcess, isRunning, markOf, type ProcessMark, readMark, spawnDetached, writeMark } from "@sandlot/host";
import { silentLogger } from "@sandlot/telemetry";
import { temporaryDirectory } from "@sandlot/testkit";
import { holdLock } from "../src/lock";
import { pathsOf } from "../src/paths";
import { startSupervisor } from "../src/services/supervisor";

const pause = (ms: number): Promise<void> => Bun.sleep(ms);

test("brings back what was killed, leaves alone what is ended on purpose, and outlives nothing", async () => {
  const paths = pathsOf(temporaryDirectory("supervisor"));
  mkdirSync(paths.logs, { recursive: true });
  mkdirSync(paths.run, { recursive: true });
  const start = async (): Promise<ProcessMark> => {
    const { mark } = await spawnDetached({ argv: ["sleep", "600"], logPath: paths.log("sleeper") });
    writeMark(paths.mark("sleeper"), mark);
    return mark;
  };
  const first = await start();
  const find = (): ProcessMark | undefined => readMark(paths.mark("sleeper"));
  const watch = startSupervisor({ paths, watched: [{ name: "sleeper", find, revive: start }], log: silentLogger });
  expect(readMark(paths.supervisor)?.pid).toBe(process.pid);

  await endProcess(first, { signal: "SIGKILL" });
  for (let tries = 0; tries < 1_500 && find() === undefined; tries += 1) await pause(20);
  const second = find();
  expect(second?.pid).not.toBe(first.pid);

  {
    using _lock = holdLock({ lock: paths.lock, dataDir: paths.root });
    await pause(800); // a round that began before the lock
    if (second !== undefined) await endProcess(second);
    await pause(500);
    expect(find()).toBeUndefined();
  }
  // One that was replaced brings nothing back, whatever ends.
  const third = await start();
  const other = await spawnDetached({ argv: ["sleep", "600"], logPath: paths.log("other") });
  writeMark(paths.supervisor, other.mark);
  await pause(800);
  await endProcess(third);
  await pause(500);
  expect(find()).toBeUndefined();
  await endProcess(other.mark);
  const mine = markOf(process.pid);
  if (mine !== undefined) writeMark(paths.supervisor, mine);

  await watch[Symbol.asyncDispose]();
  expect(readMark(paths.supervisor)).toBeUndefined();
  const left = await start();
  await pause(300);
  expect(isRunning(left)).toBe(true);
  expect(readFileSync(`/proc/${left.pid}/stat`, "utf8").split(" ")[5]).toBe(String(left.pid)); // a session of its own
  await endProcess(left);
  rmSync(paths.root, { recursive: true });
}, 60_000);
