/**
 * What every runtime must show, whatever isolates its machines. Run under `bun test` with a harness that brings a real
 * runtime, a base with at least a shell, and the stand-in (`../stand-in`) in the place of envd.
 */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import type { LayerRef, Machine, MachineLimits, MachineSlot, Runtime, SealedBuild, StartMachine } from "./index";

export type Answer = { readonly exitCode: number; readonly output: string };

export type ConformanceHarness = {
  /** A runtime over one and the same node directory; a second call plays the node after a restart. */
  open(): Promise<Runtime>;
  readonly layers: readonly LayerRef[];
  /** A place to plug one machine in; dispose of it after the machine has ended. */
  lease(): Promise<MachineSlot & AsyncDisposable>;
  /** Runs a shell script in the machine as its root, by the stand-in. Waits up to 5 s for it to listen. */
  run(slot: MachineSlot, script: string): Promise<Answer>;
  /** Kills what holds the machine from the host's side, as an accident would; absent when there is no such process. */
  orphan?(machine: Machine): Promise<void>;
  /** What machines have left on the host: processes, mounts, cgroups, devices, links, files; one line each. */
  residue(): Promise<string[]>;
  /** All of it, once the last runtime has been disposed of. */
  close(): Promise<string[]>;
};

const LIMITS: MachineLimits = { cpuCount: 1, memoryMiB: 96, diskMiB: 64, pidsMax: 64 };
/** The stand-in's own path inside. */
const TRY = "/usr/lib/sandlot/envd try";
const TEST_MS = 60_000;

type Running = AsyncDisposable & { machine: Machine; slot: MachineSlot; run(script: string): Promise<Answer> };

export function runtimeConformance(name: string, makeHarness: () => Promise<ConformanceHarness>): void {
  describe(`${name} runtime`, () => {
    let harness: ConformanceHarness;
    let runtime: Runtime;
    let count = 0;

    beforeAll(async () => {
      harness = await makeHarness();
      runtime = await harness.open();
    }, TEST_MS);

    afterAll(async () => {
      await runtime.sweep(new Set());
      await runtime[Symbol.asyncDispose]();
      expect(await harness.close()).toEqual([]);
    }, TEST_MS);

    function request(slot: MachineSlot, limits: Partial<MachineLimits> = {}): StartMachine {
      count += 1;
      const build: SealedBuild = { buildId: "conformance", layers: harness.layers };
      return { machineId: `m${count}`, build, limits: { ...LIMITS, ...limits }, slot, hostname: `box${count}` };
    }

    async function start(limits: Partial<MachineLimits> = {}): Promise<Running> {
      const slot = await harness.lease();
      const machine = await runtime.start(request(slot, limits), AbortSignal.timeout(TEST_MS));
      return {
        machine,
        slot,
        run: (script) => harness.run(slot, script),
        async [Symbol.asyncDispose]() {
          await machine.end();
          await slot[Symbol.asyncDispose]();
        },
      };
    }

    async function said(running: Running, script: string): Promise<string> {
      const { output } = await running.run(script);
      return output.trim();
    }

    describe("life", () => {
      it(
        "shows itself usable by a trial machine",
        async () => {
          const probe = await runtime.probe(AbortSignal.timeout(TEST_MS));
          expect(probe.problems).toEqual([]);
          expect(probe.usable).toBe(true);
        },
        TEST_MS,
      );

      it(
        "starts, answers, and leaves nothing when ended",
        async () => {
          const running = await start();
          expect(await running.run("echo hello; exit 3")).toEqual({ exitCode: 3, output: "hello\n" });
          expect((await runtime.list()).map((machine) => machine.machineId)).toEqual([running.machine.machineId]);
          await running.machine.end();
          await running.machine.end();
          expect(await running.machine.ended).toEqual({ exitCode: 137, outOfMemory: false });
          expect(await harness.residue()).toEqual([]);
          await running[Symbol.asyncDispose]();
        },
        TEST_MS,
      );

      it(
        "refuses a second machine of one name and spares the first",
        async () => {
          await using running = await start();
          const again = { ...request(running.slot), machineId: running.machine.machineId };
          await expect(runtime.start(again, AbortSignal.timeout(TEST_MS))).rejects.toThrow("exists");
          expect(await said(running, "echo here")).toBe("here");
        },
        TEST_MS,
      );

      it(
        "tells of an end from inside with its exit code",
        async () => {
          await using running = await start();
          await running.run("kill -TERM 1").catch(() => undefined);
          expect(await running.machine.ended).toEqual({ exitCode: 0, outOfMemory: false });
          expect(await runtime.list()).toEqual([]);
        },
        TEST_MS,
      );

      it(
        "brings envd back when it dies, and reaps orphans",
        async () => {
          await using running = await start();
          expect(await said(running, "(sleep 0 &) ; sleep 0.1; ls -d /proc/[0-9]* | wc -l")).not.toBe("");
          await running.run("kill -KILL 2").catch(() => undefined);
          expect(await said(running, "echo back")).toBe("back");
          const zombies = await said(running, "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l");
          expect(zombies).toBe("0");
        },
        TEST_MS,
      );

      it(
        "freezes and thaws with memory kept",
        async () => {
          await using running = await start();
          await running.run("(while :; do echo beat >> /tmp/beat; sleep 0.01; done) >/dev/null 2>&1 &");
          await running.machine.freeze();
          await running.machine.freeze();
          const stuck = await Promise.race([said(running, "echo no"), Bun.sleep(300).then(() => "frozen")]);
          expect(stuck).toBe("frozen");
          await running.machine.thaw();
          const beats = async (): Promise<number> => Number(await said(running, "wc -l < /tmp/beat"));
          const before = await beats();
          await Bun.sleep(200);
          expect(await beats()).toBeGreaterThan(before);
        },
        TEST_MS,
      );

      it(
        "ends a frozen machine",
        async () => {
          await using running = await start();
          await running.machine.freeze();
          await running.machine.end();
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );
    });

    describe("limits", () => {
      it(
        "kills what takes too much memory, and nothing else",
        async () => {
          await using running = await start();
          const { exitCode } = await running.run(`${TRY} hog 400`);
          expect(exitCode).toBe(137);
          expect(await said(running, "echo alive")).toBe("alive");
          const stats = await running.machine.stats();
          expect(stats.memoryLimitBytes).toBe(LIMITS.memoryMiB * 1024 * 1024);
          expect(stats.memoryUsedBytes).toBeLessThan(stats.memoryLimitBytes);
        },
        TEST_MS,
      );

      it(
        "bounds processes",
        async () => {
          await using running = await start();
          const [made, why] = (await said(running, `${TRY} pids 500`)).split(" ");
          expect(Number(made)).toBeLessThan(LIMITS.pidsMax);
          expect(why).toBe("EAGAIN");
          expect((await running.machine.stats()).pids).toBeGreaterThan(0);
          expect(await said(running, "echo alive")).toBe("alive");
        },
        TEST_MS,
      );

      it(
        "bounds the disk with a true ENOSPC",
        async () => {
          await using running = await start();
          expect(await said(running, `${TRY} fill 200 /tmp/big`)).toBe("ENOSPC");
          const full = await running.machine.stats();
          expect(full.diskLimitBytes).toBeLessThanOrEqual(LIMITS.diskMiB * 1024 * 1024);
          expect(full.diskUsedBytes).toBeGreaterThan(full.diskLimitBytes * 0.9);
          expect(await said(running, "rm /tmp/big && echo ok > /tmp/small && cat /tmp/small")).toBe("ok");
        },
        TEST_MS,
      );

      it(
        "bounds the processor",
        async () => {
          await using running = await start();
          await running.run("true");
          const before = (await running.machine.stats()).cpuUsedMicros;
          await running.run(`${TRY} spin 1000`);
          const used = (await running.machine.stats()).cpuUsedMicros - before;
          expect(used).toBeGreaterThan(100_000);
          expect(used).toBeLessThan(1_350_000);
        },
        TEST_MS,
      );
    });

    describe("walls", () => {
      it(
        "has root inside that is nobody outside, and setuid programs that work",
        async () => {
          await using running = await start();
          expect(await said(running, "id -u 2>/dev/null || echo 0")).toBe("0");
          const script =
            "cp /usr/lib/sandlot/envd /tmp/s && chmod 4755 /tmp/s && /usr/lib/sandlot/envd as 1000 /tmp/s try euid";
          expect(await said(running, script)).toBe("0");
          expect(await said(running, "/usr/lib/sandlot/envd as 1000 /usr/lib/sandlot/envd try euid")).toBe("1000");
        },
        TEST_MS,
      );

      it(
        "lets sudo work without a password where the base has sudo",
        async () => {
          await using running = await start();
          const setUp =
            "command -v sudo useradd >/dev/null || { echo none; exit; }; id user >/dev/null 2>&1 || useradd -m user; ";
          const ask = "echo 'user ALL=(ALL) NOPASSWD:ALL' > /etc/sudoers.d/user; su user -c 'sudo -n id -u'";
          expect(["0", "none"]).toContain(await said(running, setUp + ask));
        },
        TEST_MS,
      );

      it.each([
        ["io_uring", "ENOSYS"],
        ["clone3", "ENOSYS"],
        ["userns", "EPERM"],
        ["clone_userns", "EPERM"],
        ["keyctl", "EPERM"],
        ["bpf", "EPERM"],
        ["vsock", "EAFNOSUPPORT"],
      ])(
        "refuses %s with %s",
        async (what, answer) => {
          await using running = await start();
          expect(await said(running, `${TRY} ${what}`)).toBe(answer);
        },
        TEST_MS,
      );

      it(
        "shows nothing of the host in /proc and /sys, and lets nothing of it be changed",
        async () => {
          await using running = await start();
          const masked = ["/proc/keys", "/proc/timer_list", "/proc/iomem", "/proc/kcore", "/proc/sysrq-trigger"];
          expect(await said(running, `cat ${masked.join(" ")} 2>/dev/null | wc -c`)).toBe("0");
          expect(await said(running, "ls -A /proc/pressure /sys/firmware 2>/dev/null | grep -v : | wc -w")).toBe("0");
          expect(
            await said(running, "echo h > /proc/sysrq-trigger; echo core > /proc/sys/kernel/core_pattern || echo no"),
          ).toEndWith("no");
          expect(await said(running, "ls -d /proc/[0-9]* | wc -l").then(Number)).toBeLessThan(12);
          expect(await said(running, "mount | grep -c ' /sys/fs/cgroup ' ; true")).toBe("0");
        },
        TEST_MS,
      );

      it(
        "gives it /dev, /dev/shm and terminals of its own, and no other device",
        async () => {
          await using running = await start();
          expect(
            await said(running, "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c"),
          ).toBe("4\n4");
          expect(await said(running, "touch /dev/shm/a && ls /dev/shm && test -c /dev/ptmx && echo pty")).toBe(
            "a\npty",
          );
          expect(await said(running, "mknod /tmp/disk b 254 0 2>/dev/null || echo refused")).toBe("refused");
        },
        TEST_MS,
      );

      it(
        "may mount a tmpfs and change its own network, as root inside may",
        async () => {
          await using running = await start();
          const { exitCode, output } = await running.run(
            "mkdir -p /tmp/t && mount -t tmpfs x /tmp/t && touch /tmp/t/f && umount /tmp/t",
          );
          expect({ exitCode, output }).toEqual({ exitCode: 0, output: "" });
          expect(
            await said(running, "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward"),
          ).toBe("1");
        },
        TEST_MS,
      );
    });

    describe("identity", () => {
      it(
        "differs between two machines of one build",
        async () => {
          await using one = await start();
          await using other = await start();
          const script = "cat /proc/sys/kernel/random/boot_id /etc/machine-id /etc/hostname";
          const [first, second] = await Promise.all([said(one, script), said(other, script)]);
          const host = (await Bun.file("/proc/sys/kernel/random/boot_id").text()).trim();
          for (const [at, line] of first.split("\n").entries()) expect(second.split("\n")[at]).not.toBe(line);
          expect(first.split("\n")[0]).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
          expect(first).not.toContain(host);
          expect(await said(one, "cat /etc/resolv.conf")).toBe(`nameserver ${one.slot.guestGateway}`);
        },
        TEST_MS,
      );

      it(
        "keeps writes from one machine out of the next",
        async () => {
          await using one = await start();
          await one.run("echo secret > /etc/passed-on; rm -f /etc/hosts");
          await using other = await start();
          expect(await said(other, "test -e /etc/passed-on || echo clean; test -e /etc/hosts && echo whole")).toBe(
            "clean\nwhole",
          );
        },
        TEST_MS,
      );
    });

    describe("restarts", () => {
      it(
        "finds living machines again, can end them, and hears of their end",
        async () => {
          await using running = await start();
          await using second = await start();
          const later = await harness.open();
          const found = await later.list();
          expect(found.map((machine) => machine.machineId).sort()).toEqual(
            [running.machine.machineId, second.machine.machineId].sort(),
          );
          const again = found.find((machine) => machine.machineId === running.machine.machineId);
          expect(again?.address).toBe(running.slot.address);
          await again?.freeze();
          await again?.thaw();
          expect(await said(running, "echo same")).toBe("same");
          await again?.end();
          const other = found.find((machine) => machine.machineId === second.machine.machineId);
          await second.run("kill -TERM 1").catch(() => undefined);
          expect((await other?.ended)?.exitCode).toBe(0);
          await later[Symbol.asyncDispose]();
        },
        TEST_MS,
      );

      it(
        "handles a machine whose host-side parent was killed",
        async () => {
          if (harness.orphan === undefined) return;
          await using running = await start();
          await harness.orphan(running.machine);
          expect(await said(running, "echo still here")).toBe("still here");
          expect((await runtime.list()).length).toBe(1);
          await running.run("kill -TERM 1").catch(() => undefined);
          expect((await running.machine.ended).exitCode).toBe(137); // nobody was there to see the code
          await using another = await start();
          await harness.orphan(another.machine);
          await another.machine.end();
          await running.machine.end();
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );

      it(
        "sweeps everything but what is to be kept",
        async () => {
          await using kept = await start();
          const lost = await start();
          const later = await harness.open();
          await later.sweep(new Set([kept.machine.machineId]));
          expect((await later.list()).map((machine) => machine.machineId)).toEqual([kept.machine.machineId]);
          expect(await said(kept, "echo kept")).toBe("kept");
          await lost.machine.ended;
          await later.sweep(new Set());
          expect(await harness.residue()).toEqual([]);
          await later[Symbol.asyncDispose]();
          await lost[Symbol.asyncDispose]();
        },
        TEST_MS,
      );
    });

    describe("residue", () => {
      it(
        "is none when a start is broken off at any moment",
        async () => {
          for (const afterMs of [0, 1, 2, 4, 6, 8, 10, 13, 17, 25]) {
            await using slot = await harness.lease();
            const stop = new AbortController();
            const timer = setTimeout(() => stop.abort(new Error("called off")), afterMs);
            const machine = await runtime.start(request(slot), stop.signal).catch((thrown: Error) => thrown.message);
            clearTimeout(timer);
            if (typeof machine === "string") expect(machine).toBe("called off");
            else await machine.end();
          }
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );

      it(
        "is none when a start fails, and the fault says where",
        async () => {
          await using slot = await harness.lease();
          const lost = { ...slot, netnsPath: `${slot.netnsPath}-gone` };
          await expect(runtime.start(request(lost), AbortSignal.timeout(TEST_MS))).rejects.toThrow(/network/);
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );

      it(
        "is none after twenty starts and ends in one slot",
        async () => {
          await using slot = await harness.lease();
          for (let round = 0; round < 20; round += 1) {
            const machine = await runtime.start(request(slot), AbortSignal.timeout(TEST_MS));
            expect((await harness.run(slot, "echo up")).output.trim()).toBe("up");
            await machine.end();
          }
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );

      it(
        "is none after ten starts at once",
        async () => {
          const all = await Promise.all(Array.from({ length: 10 }, () => start()));
          expect(await Promise.all(all.map((running) => said(running, "echo up")))).toEqual(Array(10).fill("up"));
          await Promise.all(all.map((running) => running[Symbol.asyncDispose]()));
          expect(await harness.residue()).toEqual([]);
        },
        TEST_MS,
      );
    });
  });
}
