import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LaunchedLife } from "./launched-life";
import type { ProcessRecord } from "./processes";

async function recordOf(pid: number): Promise<ProcessRecord> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  return { pid, startTime: text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "" };
}

describe(LaunchedLife, () => {
  let dir: string;
  let machine: Bun.Subprocess;
  let life: LaunchedLife;
  let removed: number;
  let refusals: number;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "life-"));
    machine = Bun.spawn(["sleep", "30"]);
    removed = 0;
    refusals = 0;
    life = new LaunchedLife({
      dir,
      process: await recordOf(machine.pid),
      cgroups: { v2: undefined, v1: [], memory: dir, pids: dir, freezer: undefined, cpuAccount: undefined },
      remove: async () => {
        if (refusals-- > 0) throw new Error("busy");
        machine.kill("SIGKILL");
        await machine.exited;
        removed += 1;
      },
      killMs: 30_000,
      lookMs: 60_000,
    });
  });
  afterEach(async () => {
    life.leave();
    machine.kill("SIGKILL");
    await machine.exited;
    await rm(dir, { recursive: true });
  });

  it("tells the exit code that the launcher wrote, as soon as it did", async () => {
    machine.kill("SIGKILL");
    await machine.exited;
    await writeFile(join(dir, "exit.new"), '{"exitCode":3}');
    await rename(join(dir, "exit.new"), join(dir, "exit.json"));
    expect(await life.ended).toEqual({ exitCode: 3, outOfMemory: false });
    expect(removed).toBe(0); // whoever ends it has what it left
  });

  it("waits for the word of a launcher that a busy host keeps from writing it", async () => {
    const script = `while kill -0 ${machine.pid} 2>/dev/null; do sleep 0.01; done; sleep 1`;
    const write = `echo '{"exitCode":3}' > ${dir}/exit.new; mv ${dir}/exit.new ${dir}/exit.json`;
    const launcher = Bun.spawn(["sh", "-c", `${script}; ${write}`]);
    const { pid, startTime } = await recordOf(launcher.pid);
    await writeFile(join(dir, "launcher.pid"), `${pid} ${startTime}\n`);
    machine.kill("SIGKILL");
    await machine.exited;
    life.look();
    expect(await life.ended).toEqual({ exitCode: 3, outOfMemory: false });
    await launcher.exited;
  });

  it.each([
    ["", { exitCode: 137, outOfMemory: false }],
    ['{"exitCode":137,"oomKills":1}', { exitCode: 137, outOfMemory: true }],
    ['{"exitCode":0,"oomKills":1}', { exitCode: 0, outOfMemory: false }],
  ])("takes %j for %j", async (written, end) => {
    if (written !== "") await writeFile(join(dir, "exit.json"), written);
    machine.kill("SIGKILL");
    await machine.exited;
    life.look();
    expect(await life.ended).toEqual(end);
  });

  it("is killed by its launcher", async () => {
    const hasEnded = `while kill -0 ${machine.pid} 2>/dev/null; do sleep 0.01; done`;
    const onTerm = `kill -9 ${machine.pid}; ${hasEnded}; echo "{\\"exitCode\\":137}" > ${dir}/exit.json; exit`;
    const launcher = Bun.spawn(["sh", "-c", `trap '${onTerm}' TERM; echo ready; while :; do sleep 0.01; done`]);
    const { pid, startTime } = await recordOf(launcher.pid);
    await writeFile(join(dir, "launcher.pid"), `${pid} ${startTime}\n`);
    await launcher.stdout.getReader().read(); // the trap is set
    await life.kill();
    expect(await life.ended).toEqual({ exitCode: 137, outOfMemory: false });
    expect(removed).toBe(0);
    await launcher.exited;
  });

  it("is ended the long way when it has no launcher", async () => {
    await life.kill();
    expect(await life.ended).toEqual({ exitCode: 137, outOfMemory: false });
    expect(removed).toBe(1);
  });

  it("ends once for all who ask, and again when it could not", async () => {
    refusals = 1;
    const both = await Promise.allSettled([life.end(), life.end()]);
    expect(both.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await Promise.all([life.end(), life.end()]);
    await life.end();
    expect(removed).toBe(1);
  });
});
