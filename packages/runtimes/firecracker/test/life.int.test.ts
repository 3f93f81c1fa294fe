/** A machine from start to end, over the fake. */
import { expect, it } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { FirecrackerMachine } from "../src/machine";
import { LIMITS, TEST_MS } from "./harness";
import { overFake } from "./over-fake";

overFake("firecracker", "f", (suite) => {
  it(
    "is found usable by a trial machine",
    async () => {
      const probe = await suite.runtime.probe(AbortSignal.timeout(TEST_MS));
      expect(probe).toMatchObject({ usable: true, problems: [] });
      expect(suite.runtime.facts).toMatchObject({ acceleration: "kvm", kernel: "6.1.0-fake" });
      expect(await suite.harness.residue()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "starts within the rules, freezes, thaws and ends without a trace",
    async () => {
      await using slot = await suite.harness.lease();
      suite.harness.control.takeAsked();
      const machine = await suite.start(slot);
      const asked = suite.harness.control.takeAsked();
      expect(asked.flatMap(({ wrongs }) => wrongs)).toEqual([]);
      expect(asked.map(({ request }) => request).filter((name) => name !== "GET /")).toEqual([
        "jailer",
        "GET /version",
        ...["machine-config", "boot-source", "drives/layers", "drives/disk", "balloon", "entropy", "vsock"].map(
          (path) => `PUT /${path}`,
        ),
        ...["network-interfaces/eth0", "mmds/config", "mmds", "actions"].map((path) => `PUT /${path}`),
      ]);
      expect(asked.find(({ request }) => request === "PUT /machine-config")?.body).toMatchObject({
        vcpu_count: 2,
        mem_size_mib: LIMITS.memoryMiB,
        track_dirty_pages: true,
      });
      const guest = suite.harness.guest(machine);
      expect(await guest.state()).toMatchObject({ frozen: false, hostname: "box1", pidsMax: 64 });
      await machine.freeze();
      await machine.freeze();
      expect(await guest.ask("state")).toEqual({ stuck: true });
      await machine.thaw();
      const { frozen, clockMs, entropyBytes } = await guest.state();
      expect([frozen, entropyBytes]).toEqual([false, 32]);
      expect(Math.abs(clockMs - Date.now())).toBeLessThan(2000);
      expect(await machine.stats()).toMatchObject({ pids: 3, memoryUsedBytes: 1048576, memoryLimitBytes: 16 << 20 });
      expect(Buffer.from((await machine.readOutput({ fromByte: 1, maxBytes: 10 })).bytes).toString()).toBe("ello");
      await machine.end();
      await machine.end();
      expect(await machine.ended).toEqual({ exitCode: 137, outOfMemory: false });
      expect(await suite.harness.residue()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "lies in its own cgroups, with its own user and a tap that is its own",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const line = suite.harness.control.takeAsked().find(({ request }) => request === "jailer")?.body as string[];
      const uid = Number(line[line.indexOf("--uid") + 1]);
      expect(uid).toBeGreaterThanOrEqual(0x7f00_0000);
      expect(line).toContain("memory.limit_in_bytes=83886080");
      expect(line).toContain("cpu.cfs_quota_us=150000");
      const shown = Bun.spawnSync([
        "nsenter",
        `--net=${slot.netnsPath}`,
        "ip",
        "-d",
        "link",
        "show",
        "guest0",
      ]).stdout.toString();
      expect(shown).toContain(`user ${uid}`);
      expect(shown).toContain("02:fc:00:00:00:06");
      expect(shown).toContain("mtu 1400");
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "tells of an end from inside, and why",
    async () => {
      for (const [code, oomKills, outOfMemory] of [
        [0, 0, false],
        [137, 1, true],
        [3, 1, false],
      ] as const) {
        await using slot = await suite.harness.lease();
        const machine = await suite.start(slot);
        await suite.harness.guest(machine).ask("exit", { code, oomKills });
        expect(await machine.ended).toEqual({ exitCode: code, outOfMemory });
        expect(await suite.runtime.list()).toEqual([]);
        await machine.end();
      }
    },
    TEST_MS,
  );

  it(
    "refuses a second machine of one name, and names that could leave the directory",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const again = { ...suite.harness.request(slot), machineId: machine.machineId };
      await expect(suite.runtime.start(again, AbortSignal.timeout(TEST_MS))).rejects.toMatchObject({
        code: "firecracker_exists",
      });
      for (const wrong of [{ machineId: "../x" }, { hostname: "a b" }])
        await expect(
          suite.runtime.start(suite.harness.request(slot, wrong), AbortSignal.timeout(TEST_MS)),
        ).rejects.toMatchObject({
          code: "firecracker_bad_request",
        });
      expect((await suite.runtime.list()).length).toBe(1);
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "is found again by another node process, with what it was",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      await machine.freeze();
      const later = await suite.harness.open();
      const [found] = await later.list();
      expect(found).toMatchObject({
        machineId: machine.machineId,
        address: slot.address,
        layers: suite.harness.layers,
      });
      await found?.thaw();
      expect((await suite.harness.guest(machine).state()).frozen).toBe(false);
      await later.sweep(new Set([machine.machineId]));
      expect((await later.list()).length).toBe(1);
      await later.sweep(new Set());
      expect((await machine.ended).exitCode).toBe(137);
      expect(await suite.harness.residue()).toEqual([]);
      await later[Symbol.asyncDispose]();
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "tells the guest what it may know of itself",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      suite.harness.control.takeAsked();
      await machine.setMetadata?.({ instanceID: "i1", accessTokenHash: "ab" });
      expect(suite.harness.control.takeAsked().at(-1)).toMatchObject({
        request: "PUT /mmds",
        body: { instanceID: "i1", accessTokenHash: "ab" },
        wrongs: [],
      });
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "keeps a guest from filling the host's disk by its console",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const guest = suite.harness.guest(machine);
      for (let round = 0; round < 3; round += 1) await guest.ask("say", { text: "x".repeat(1 << 20) });
      const path = join(suite.harness.config.nodeDir, "machines", machine.machineId, "console.log");
      await (machine as FirecrackerMachine).look(); // what it does every 2 s
      expect(Bun.file(path).size).toBeLessThan(1 << 20);
      await guest.ask("exit", { code: 7 });
      expect((await machine.ended).exitCode).toBe(7);
      expect(await readFile(path, "utf8")).toContain("sandlot exit 7");
      await machine.end();
    },
    TEST_MS,
  );
});
