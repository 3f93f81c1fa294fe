/** What somebody has who has broken out of the guest into QEMU: an id without rights, and nothing to see. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Machine, Runtime } from "@sandlot/runtime-contract";
import { VMM_IDS } from "@sandlot/runtime-host";
import { asNobody } from "../src/image-tool";
import { canRunMachines, type QemuHarness, qemuHarness } from "./harness";

const missing = canRunMachines();
const BOOT_MS = 120_000;
type Slot = Awaited<ReturnType<QemuHarness["lease"]>>;
type Running = { readonly machine: Machine; readonly slot: Slot; readonly pid: number; readonly dir: string };

describe.skipIf(missing !== undefined)("the jail around QEMU", () => {
  let harness: QemuHarness;
  let runtime: Runtime;
  let one: Running;
  let other: Running;

  async function start(machineId: string): Promise<Running> {
    const slot = await harness.lease();
    const limits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
    const build = { buildId: "jail", layers: harness.layers };
    const machine = await runtime.start(
      { machineId, build, limits, slot, hostname: machineId },
      AbortSignal.timeout(BOOT_MS),
    );
    const dir = join(harness.config.nodeDir, "machines", machineId);
    const pid = Number((await readFile(join(dir, "vmm.pid"), "utf8")).split(" ")[0]);
    return { machine, slot, pid, dir };
  }

  async function fields(pid: number): Promise<Map<string, string>> {
    const text = await readFile(`/proc/${pid}/status`, "utf8");
    return new Map(
      text.split("\n").map((line) => [line.split(":")[0] ?? "", line.slice(line.indexOf(":") + 1).trim()]),
    );
  }

  /** Runs a command as that QEMU could: with its id, in its namespaces. The program comes from outside, it has none. */
  async function asVmm({ pid }: Running, ...cmd: string[]): Promise<string> {
    const uid = (await fields(pid)).get("Uid")?.split("\t")[0] ?? "";
    const child = Bun.spawn([...asNobody(uid), ...cmd], { stdout: "pipe", stderr: "pipe" });
    const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    return `${(await child.exited) === 0 ? "done" : "refused"} ${out}${err}`;
  }

  beforeAll(async () => {
    harness = await qemuHarness("j");
    runtime = await harness.open();
    [one, other] = await Promise.all([start("one"), start("other")]);
  }, BOOT_MS);

  afterAll(async () => {
    for (const { machine, slot } of [one, other]) {
      await machine.end();
      await slot[Symbol.asyncDispose]();
    }
    await runtime[Symbol.asyncDispose]();
    expect(await harness.close()).toEqual([]);
  }, BOOT_MS);

  it("has an id of its own in each machine, no group, no capability, and both system call filters' switches on", async () => {
    const seen = new Set<string>();
    for (const { pid } of [one, other]) {
      const status = await fields(pid);
      const uids = (status.get("Uid") ?? "").split("\t");
      expect(new Set(uids).size).toBe(1);
      expect(status.get("Gid")).toBe(status.get("Uid"));
      expect(Number(uids[0])).toBeGreaterThanOrEqual(VMM_IDS.firstHostId);
      expect(status.get("Groups")).toBe("");
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
        expect(status.get(set)).toBe("0000000000000000");
      expect(status.get("NoNewPrivs")).toBe("1");
      expect(status.get("Seccomp")).toBe("2");
      for (const thread of await readdir(`/proc/${pid}/task`))
        expect(await readFile(`/proc/${pid}/task/${thread}/status`, "utf8")).toContain("Seccomp:\t2\n");
      seen.add(uids[0] ?? "");
    }
    expect(seen.size).toBe(2);
  });

  it("sees itself, its libraries and three files of the machine, read-only, and nothing else of the host's", async () => {
    const root = `/proc/${one.pid}/root`;
    expect((await readdir(root)).sort()).toEqual(["dev", "lib", "lib64", "m", "usr"]);
    expect((await readdir(join(root, "dev"))).sort()).toEqual(["null", "urandom"]);
    expect((await readdir(join(root, "m"))).sort()).toEqual(["initramfs", "kernel", "state"]);
    const mounts = (await readFile(`/proc/${one.pid}/mountinfo`, "utf8")).trim().split("\n");
    const writable = mounts.filter((line) => !/^ro,/.test(line.split(" ")[5] ?? ""));
    expect(writable.map((line) => line.split(" ")[4])).toEqual(["/m/state"]);
    for (const line of mounts) expect(line.split(" ")[5]).toContain("nosuid");
    const about = await stat(join(root, "m/state"));
    expect(String(about.uid)).toBe((await fields(one.pid)).get("Uid")?.split("\t")[0] ?? "");
  });

  it("has a bound to what it may write beside its disk, and nothing else to write to", async () => {
    const state = `/proc/${one.pid}/root/m/state`;
    const fill = await asVmm(one, "dd", "if=/dev/zero", `of=${state}`, "bs=1M", "count=64", "conv=notrunc");
    expect(fill).toContain("No space left on device");
    expect((await stat(state)).size).toBeLessThanOrEqual(16 << 20);
    expect(await asVmm(one, "truncate", "--size=0", state)).toStartWith("done");
    for (const name of ["m/other", "other", "dev/other"])
      expect(await asVmm(one, "touch", `/proc/${one.pid}/root/${name}`)).toStartWith("refused");
  });

  it("stands in namespaces of its own, with a network that has not even a loopback up", async () => {
    for (const name of ["mnt", "net", "pid", "ipc", "uts"]) {
      const own = await readlink(`/proc/${one.pid}/ns/${name}`);
      expect(own).not.toBe(await readlink(`/proc/self/ns/${name}`));
      expect(own).not.toBe(await readlink(`/proc/${other.pid}/ns/${name}`));
    }
    const links = Bun.spawnSync(["nsenter", `--net=/proc/${one.pid}/ns/net`, "ip", "-o", "link"]).stdout.toString();
    expect(links.trim().split("\n")).toHaveLength(1);
    expect(links).toContain("lo: <LOOPBACK> ");
  });

  it("holds open its own machine's disks and no directory, and may write to one disk alone", async () => {
    const held = new Set<string>();
    const writable = new Set<string>();
    for (const fd of await readdir(`/proc/${one.pid}/fd`)) {
      const path = await readlink(`/proc/${one.pid}/fd/${fd}`).catch(() => "");
      if (!path.startsWith("/") || path.startsWith("/dev/") || path.startsWith("/memfd:")) continue;
      held.add(path);
      const flags = Number.parseInt(
        /flags:\s*(\d+)/.exec(await readFile(`/proc/${one.pid}/fdinfo/${fd}`, "utf8"))?.[1] ?? "0",
        8,
      );
      if ((flags & 3) !== 0) writable.add(path);
      expect((await stat(`/proc/${one.pid}/fd/${fd}`)).isDirectory()).toBe(false);
    }
    expect([...writable]).toEqual([join(one.dir, "disk.qcow2")]);
    const expected = [one.dir, harness.config.cacheDir, harness.config.kernelDir, harness.layers[0]?.path ?? ""];
    expect([...held].filter((path) => !expected.some((place) => path.startsWith(place)))).toEqual([]);
  });

  it("cannot reach another machine: not its processes, not its sockets, not its disk", async () => {
    expect(await asVmm(one, "kill", "-0", String(other.pid))).toStartWith("refused");
    expect(await asVmm(one, "kill", "-0", String(process.pid))).toStartWith("refused");
    expect(await asVmm(one, "sh", "-c", `echo x > ${join(other.dir, "disk.qcow2")}`)).toStartWith("refused");
    for (const name of ["qmp.sock", "agent.sock"]) {
      const about = await stat(join(other.dir, name));
      expect({ uid: about.uid, mode: about.mode & 0o777 }).toEqual({ uid: 0, mode: 0o600 });
    }
    expect(await asVmm(one, "cat", `/proc/${other.pid}/mem`)).toStartWith("refused");
  });

  it("is out of reach for the guest's root, whose signals stay in the guest", async () => {
    const script = `kill -KILL ${one.pid} ${other.pid} 2>/dev/null; kill -KILL -1; echo still`;
    await harness.run(one.slot, script).catch(() => undefined);
    await harness.run(one.slot, "true").catch(() => undefined);
    for (const { pid } of [one, other]) expect((await fields(pid)).get("State")).not.toStartWith("Z");
    expect((await harness.run(other.slot, "echo here")).output).toBe("here\n");
    expect((await harness.run(one.slot, "echo here")).output).toBe("here\n");
  }, 60_000);

  it("stands within its limits: memory of the guest and of QEMU, threads, processors", async () => {
    const lines = (await readFile(`/proc/${one.pid}/cgroup`, "utf8")).trim().split("\n");
    const own = lines.filter((line) => line.endsWith(`/sandlot-${harness.config.tag}-vm/one`));
    const controllers = own.map((line) => line.split(":")[1]).join(",");
    if (!own.some((line) => line.startsWith("0::") && lines.length === 1))
      for (const name of ["memory", "cpu", "pids"]) expect(controllers).toContain(name);
    expect(own.length).toBeGreaterThan(0);
    const limits = await readFile(`/proc/${one.pid}/limits`, "utf8");
    expect(limits).toMatch(/Max core file size\s+0\s+0/);
    expect(limits).toMatch(/Max file size\s+\d+\s+\d+/);
  });
});
