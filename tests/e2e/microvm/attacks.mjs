// E3, E4 and E6 for virtual machines; E5 is where forks are.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { until } from "../support.mjs";
import { cpuMsOf, filesOf, isAlive, mergesMemory, namespaceOf, statusOf, tasksOf, vmmOf } from "./host-side.mjs";
import { FUZZ } from "./programs.mjs";

export function attacks({ own, create, run, resume, ask, startOracle, slow }) {
  test(
    "E3 what runs a machine is nobody on the host: no rights, no files, no network, no other process",
    slow,
    async () => {
      const [sandbox, other] = [await create(), await create()];
      const [pid, otherPid] = [sandbox, other].map(({ sandboxId }) => vmmOf(own(), sandboxId));
      for (const task of tasksOf(pid)) {
        const status = statusOf(task);
        const ids = new Set([...status.Uid.split(/\s+/), ...status.Gid.split(/\s+/)]);
        assert.equal(ids.size, 1);
        assert.ok(Number([...ids][0]) >= 0x7e00_0000, `user ${[...ids][0]}`);
        assert.equal((status.Groups ?? "").trim(), "");
        for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) assert.match(status[set], /^0+$/, set);
        assert.deepEqual([status.NoNewPrivs, status.Seccomp], ["1", "2"], `task ${task}`);
      }
      assert.notEqual(statusOf(pid).Uid, statusOf(otherPid).Uid);
      for (const kind of ["mnt", "net", "ipc", "uts"]) {
        assert.notEqual(namespaceOf(pid, kind), namespaceOf("self", kind), kind);
        assert.notEqual(namespaceOf(pid, kind), namespaceOf(otherPid, kind), `${kind} of another`);
      }
      // Its root holds the emulator and its libraries; nothing of the host's own files can be named.
      const sees = readdirSync(`/proc/${pid}/root`);
      for (const name of ["home", "root", "var", "proc", "sys", "tmp"]) assert.ok(!sees.includes(name), sees.join(" "));
      assert.throws(() => readFileSync(`/proc/${pid}/root/etc/shadow`));
      const foreign = filesOf(pid).filter((path) => /\/(secrets\.json|stack\.json|journal\.sqlite)/.test(path));
      assert.deepEqual(foreign, []);
      // The guest sees a processor without virtualization, and no process but its own.
      const inside = await run(
        sandbox,
        "grep -cwE 'vmx|svm' /proc/cpuinfo; ps ax | grep -c '[q]emu'; ls /dev/kvm 2>&1 | tail -1",
      );
      assert.match(inside, /^0\n0\n.*No such file/);
      await Promise.all([sandbox.kill(), other.kill()]);
    },
  );

  test(
    "E4 nonsense on every channel towards the host harms nobody else, and does not stop the host from ending it",
    slow,
    async () => {
      const [hostile, neighbour] = [await create(), await create()];
      const { kept } = await startOracle(neighbour);
      const node = await own().pidOf("orchestrator");
      await hostile.files.write("/home/user/fuzz.py", FUZZ);
      await hostile.commands.run("setsid python3 fuzz.py > /tmp/fuzz.err 2>&1 < /dev/null &", { user: "root" });
      const log = async () => JSON.parse(await hostile.files.read("/tmp/fuzz.log"));
      const isHeard = async () => (await log().catch(() => undefined))?.took[1] > 100_000;
      await until(isHeard, { withinMs: 60_000, everyMs: 300, what: "that the launcher hears it" });
      assert.deepEqual(
        (await log()).held,
        ["Device or resource busy", "Device or resource busy"],
        "the agent's until then",
      );
      // It is heard by a process that none of the machine's limits holds, and takes next to none of its time.
      const launcher = Number(statusOf(vmmOf(own(), hostile.sandboxId)).PPid);
      const [spentMs, sinceMs] = [cpuMsOf(launcher), Date.now()];
      await sleep(1_500);
      const share = (cpuMsOf(launcher) - spentMs) / (Date.now() - sinceMs);
      assert.ok(share < 0.1, `its launcher takes ${share} of a processor`);
      // The host hears this when it asks for the machine's numbers, which it does by itself.
      assert.equal((await ask(neighbour)).kept, kept);
      await neighbour.pause();
      await resume(neighbour);
      assert.equal((await ask(neighbour)).kept, kept);
      const vmm = vmmOf(own(), hostile.sandboxId);
      const startedMs = Date.now();
      await hostile.kill({ requestTimeoutMs: 60_000 });
      assert.ok(Date.now() - startedMs < 20_000, `its end took ${Date.now() - startedMs} ms`);
      assert.equal(isAlive(vmm), false, "its process");
      assert.equal(await own().pidOf("orchestrator"), node, "the node went on");
      await neighbour.kill();
      const fresh = await create();
      assert.equal(await run(fresh, "echo fine"), "fine");
      await fresh.kill();
    },
  );

  test(
    "E6 memory is never another's: shared files stay as they were, nothing is merged, ended machines leave nothing",
    slow,
    async () => {
      const { dataDir } = own();
      const builds = join(dataDir, "artifacts/builds");
      const base = readdirSync(builds).find((id) => id.endsWith(".qemu"));
      const shared = join(builds, base, "memory/memory");
      const hashOf = () => createHash("sha256").update(readFileSync(shared)).digest("hex");
      const before = hashOf();
      const secret = randomBytes(24).toString("hex");
      const writer = await create();
      // In its memory as text many times over, never on its command line.
      await writer.files.write("/dev/shm/secret", `${secret}\n`.repeat(20_000));
      await writer.pause();
      assert.ok(holds(sealOf(dataDir), secret), "the search finds what is there");
      await writer.kill();
      const reader = await create();
      assert.equal(mergesMemory(vmmOf(own(), reader.sandboxId)), false);
      await run(reader, "head -c 200000000 /dev/zero | tail -c 1 | wc -c");
      await reader.pause();
      assert.equal(holds(sealOf(dataDir), secret), false, "another tenant's memory");
      await reader.kill();
      assert.equal(hashOf(), before, "the base's memory");
      assert.equal(holds(join(builds, base), secret), false);
    },
  );
}

/** The youngest build that a sandbox was sealed into. */
function sealOf(dataDir) {
  const builds = join(dataDir, "artifacts/builds");
  const made = (id) => Date.parse(JSON.parse(readFileSync(join(builds, id, "build.json"), "utf8")).createdAt);
  const [youngest] = readdirSync(builds)
    .filter((id) => !id.endsWith(".qemu"))
    .sort((a, b) => made(b) - made(a));
  return join(builds, youngest);
}

/** Whether a file of sealed memory holds the text. */
function holds(build, text) {
  const memory = join(build, "memory");
  return readdirSync(memory).some((name) => readFileSync(join(memory, name)).includes(text));
}
