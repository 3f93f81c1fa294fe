/** What goes wrong in Firecracker, at every request: the start fails with a reason, a machine stays whole, nothing is left. */
import { expect, it } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "@sandlot/lifetime";
import { planState } from "../src/api/boot-requests";
import { FirecrackerApi } from "../src/api/client";
import { placesOf } from "../src/journal";
import { TEST_MS } from "./harness";
import { overFake } from "./over-fake";

const OF_A_BOOT = [
  ...["GET /", "GET /version", "PUT /machine-config", "PUT /boot-source", "PUT /drives/layers", "PUT /drives/disk"],
  ...["PUT /balloon", "PUT /entropy", "PUT /vsock", "PUT /network-interfaces/eth0", "PUT /mmds/config", "PUT /mmds"],
  "PUT /actions",
];

overFake("troubles of firecracker", "h", (suite) => {
  const codeOf = (work: Promise<unknown>): Promise<string> =>
    work.then(
      () => "none",
      (thrown) => String(thrown.code ?? thrown.message),
    );

  async function withTrouble<T>(
    at: string,
    what: "die" | "refuse" | "garble" | "hang",
    work: () => Promise<T>,
  ): Promise<T> {
    suite.harness.control.trouble = { at, what };
    try {
      return await work();
    } finally {
      suite.harness.control.trouble = undefined;
    }
  }

  it(
    "fail a start with the request's name, and leave nothing",
    async () => {
      await using slot = await suite.harness.lease();
      for (const at of OF_A_BOOT) {
        const thrown = await withTrouble(at, "die", () => suite.start(slot).catch((fault) => fault));
        expect([thrown.code, at]).toEqual(["firecracker_lost", at]);
        expect(thrown.message).toContain(at);
        expect(await suite.harness.residue()).toEqual([]);
      }
      for (const at of ["PUT /drives/disk", "PUT /actions"]) {
        const thrown = await withTrouble(at, "refuse", () => suite.start(slot).catch((fault) => fault));
        expect([thrown.code, thrown.message]).toEqual([
          "firecracker_refused",
          expect.stringContaining("told to refuse"),
        ]);
        expect(await suite.harness.residue()).toEqual([]);
      }
      expect(await codeOf(withTrouble("GET /version", "garble", () => suite.start(slot)))).toBe("firecracker_lost");
      expect(await codeOf(withTrouble("start", "die", () => suite.start(slot)))).toBe("firecracker_lost");
      expect(await suite.harness.residue()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "do not hold a start longer than its caller waits",
    async () => {
      await using slot = await suite.harness.lease();
      for (const at of ["start", "GET /", "PUT /drives/disk", "PUT /actions"]) {
        const stop = new AbortController();
        const timer = setTimeout(() => stop.abort(new Error("called off")), 400);
        const thrown = await withTrouble(at, "hang", () =>
          suite.runtime.start(suite.harness.request(slot), stop.signal).catch((fault) => fault),
        );
        clearTimeout(timer);
        expect([thrown.message, at]).toEqual(["called off", at]);
        expect(await suite.harness.residue()).toEqual([]);
      }
    },
    TEST_MS,
  );

  it(
    "end a request that is never answered, by its own time",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const places = placesOf(join(suite.harness.config.nodeDir, "machines"), machine.machineId);
      const api = new FirecrackerApi({ ...places, clock: systemClock, hasEnded: async () => false });
      const ask = () => api.ask(planState("Paused"), { phase: "running", timeoutMs: 200 }).catch((fault) => fault);
      const thrown = await withTrouble("PATCH /vm", "hang", ask);
      expect([thrown.code, thrown.message]).toEqual(["firecracker_late", expect.stringContaining("PATCH /vm")]);
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "leave nothing of a start that is called off at any moment",
    async () => {
      await using slot = await suite.harness.lease();
      for (const afterMs of [0, 2, 5, 10, 20, 40, 60, 90, 130, 180, 240]) {
        const stop = new AbortController();
        const timer = setTimeout(() => stop.abort(new Error("called off")), afterMs);
        const machine = await suite.runtime
          .start(suite.harness.request(slot), stop.signal)
          .catch((thrown: Error) => thrown.message);
        clearTimeout(timer);
        if (typeof machine === "string") expect(machine).toBe("called off");
        else await machine.end();
        expect(await suite.harness.residue()).toEqual([]);
      }
    },
    TEST_MS,
  );

  it(
    "name the network when the slot is gone",
    async () => {
      await using slot = await suite.harness.lease();
      const lost = { ...slot, netnsPath: `${slot.netnsPath}-gone` };
      await expect(suite.start(lost)).rejects.toThrow(/network/);
      expect(await suite.harness.residue()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "fail a resume, and leave the seal as it was",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const sealed = await suite.harness.seal(machine);
      await machine.end();
      for (const [at, what, code] of [
        ["PUT /snapshot/load", "die", "firecracker_lost"],
        ["PUT /snapshot/load", "refuse", "firecracker_refused"],
        ["PUT /mmds", "die", "firecracker_lost"],
        ["PATCH /vm", "die", "firecracker_lost"],
      ] as const) {
        expect(await codeOf(withTrouble(at, what, () => suite.start(slot, suite.harness.resume(sealed))))).toBe(code);
        expect(await suite.harness.residue()).toEqual([]);
      }
      const resumed = await suite.start(slot, suite.harness.resume(sealed));
      await resumed.end();
    },
    TEST_MS,
  );

  it(
    "fail a seal, and leave the machine frozen and whole; the next seal is whole again",
    async () => {
      await using slot = await suite.harness.lease();
      await using other = await suite.harness.lease();
      const machine = await suite.start(slot);
      const guest = suite.harness.guest(machine);
      await guest.ask("write-memory", { page: 300, text: "before" });
      await suite.harness.seal(machine);
      await machine.thaw();
      await guest.ask("write-memory", { page: 301, text: "after" });
      await machine.freeze();
      const directory = await suite.harness.place();
      const failed = withTrouble("PUT /snapshot/create", "refuse", () =>
        machine.seal({ directory, memory: true }, AbortSignal.timeout(TEST_MS)),
      );
      expect(await codeOf(failed)).toBe("machine_seal_failed");
      const called = AbortSignal.abort(new Error("called off"));
      expect(await codeOf(machine.seal({ directory: await suite.harness.place(), memory: true }, called))).toBe(
        "called off",
      );
      suite.harness.control.takeAsked();
      const sealed = await suite.harness.seal(machine);
      const kinds = suite.harness.control.takeAsked().filter(({ request }) => request === "PUT /snapshot/create");
      expect(kinds.map(({ body }) => (body as { snapshot_type: string }).snapshot_type)).toEqual(["Full"]);
      await machine.thaw();
      expect(await guest.state()).toMatchObject({ frozen: false });
      await machine.end();
      const resumed = await suite.start(other, suite.harness.resume(sealed));
      for (const [page, text] of [
        [300, "before"],
        [301, "after"],
      ] as const)
        expect(await suite.harness.guest(resumed).ask("read-memory", { page })).toEqual({ text });
      await resumed.end();
    },
    TEST_MS,
  );

  it(
    "tell of a Firecracker that dies, whenever that is",
    async () => {
      for (const at of ["PUT /snapshot/create", "GET /"]) {
        await using slot = await suite.harness.lease();
        const machine = await suite.start(slot);
        await machine.freeze();
        const directory = await suite.harness.place();
        const seal = withTrouble(at, "die", () =>
          machine.seal({ directory, memory: true }, AbortSignal.timeout(TEST_MS)),
        );
        expect(await codeOf(seal)).toBe("machine_seal_failed");
        expect(await machine.ended).toEqual({ exitCode: 137, outOfMemory: false });
        await machine.end();
        expect(await suite.harness.residue()).toEqual([]);
      }
    },
    TEST_MS,
  );

  it(
    "leave nothing of a machine that is ended while it is sealed",
    async () => {
      for (const afterMs of [1, 20, 60]) {
        await using slot = await suite.harness.lease();
        const machine = await suite.start(slot);
        await machine.freeze();
        const seal = codeOf(
          machine.seal({ directory: await suite.harness.place(), memory: true }, AbortSignal.timeout(TEST_MS)),
        );
        await Bun.sleep(afterMs);
        await machine.end();
        expect(["machine_seal_failed", "none"]).toContain(await seal);
        expect(await suite.harness.residue()).toEqual([]);
      }
    },
    TEST_MS,
  );

  it(
    "do not lead us out of the machine's directory, whatever a broken Firecracker puts there",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const guest = suite.harness.guest(machine);
      const [victim] = suite.harness.config.versions;
      await guest.ask("plant", { link: "/snapshot/memory", target: victim?.firecracker.from });
      await guest.ask("plant", { link: "/disk.img", target: victim?.firecracker.from });
      await machine.freeze();
      const directory = await suite.harness.place();
      await codeOf(machine.seal({ directory, memory: true }, AbortSignal.timeout(TEST_MS)));
      for (const name of await readdir(directory, { recursive: true }))
        if ((await Bun.file(join(directory, name)).exists()) && name.includes("."))
          expect(await readFile(join(directory, name), "latin1")).not.toContain("exec ");
      await machine.thaw();
      await guest.ask("plant", { link: "/run/api.sock", target: "/run/other.sock" });
      expect(await codeOf(machine.freeze())).toBe("firecracker_lost");
      await machine.end();
      expect(await Bun.file(victim?.firecracker.from ?? "").exists()).toBe(true);
    },
    TEST_MS,
  );

  it(
    "of an earlier run are swept: half made machines, dead ones, and what only a cgroup tells of",
    async () => {
      await using slot = await suite.harness.lease();
      await using second = await suite.harness.lease();
      const dead = await suite.start(slot);
      const kept = await suite.start(second);
      const pid = Number(
        (await readFile(join(suite.harness.config.nodeDir, "machines", dead.machineId, "vmm.pid"), "utf8")).split(
          " ",
        )[0],
      );
      process.kill(pid, "SIGKILL");
      await dead.ended;
      await Bun.write(join(suite.harness.config.nodeDir, "machines", "half", "note"), "begun and never journaled");
      const later = await suite.harness.open();
      await later.sweep(new Set([kept.machineId]));
      expect((await later.list()).map(({ machineId }) => machineId)).toEqual([kept.machineId]);
      expect(await readdir(join(suite.harness.config.nodeDir, "machines"))).toEqual([kept.machineId]);
      await later[Symbol.asyncDispose]();
      await kept.end();
      await dead.end();
    },
    TEST_MS,
  );

  it(
    "are said by the probe, each with its cure",
    async () => {
      const none = await suite.harness.open({ versions: [], kvmPath: join(suite.harness.root, "no-kvm") });
      const { usable, problems } = await none.probe(AbortSignal.timeout(TEST_MS));
      expect(usable).toBe(false);
      expect(problems.join("\n")).toMatch(/no-kvm is missing[\s\S]*FIRECRACKER_VERSIONS_FILE/);
      expect(none.capabilities).toMatchObject({
        memorySnapshots: false,
        memorySnapshotsProblem: expect.stringContaining("kvm"),
      });
      const [version] = suite.harness.config.versions;
      if (version === undefined) throw new Error("no version");
      const wrong = { ...version, jailer: { ...version.jailer, sha256: "0".repeat(64) } };
      const probe = await (await suite.harness.open({ versions: [wrong] })).probe(AbortSignal.timeout(TEST_MS));
      expect(probe.problems.join()).toContain("and not the configured 0000");
      const silent = await withTrouble("PUT /actions", "refuse", () =>
        suite.runtime.probe(AbortSignal.timeout(TEST_MS)),
      );
      expect(silent.problems.join()).toContain("a trial machine failed");
      expect(await suite.harness.residue()).toEqual([]);
      expect((await suite.runtime.probe(AbortSignal.timeout(TEST_MS))).usable).toBe(true);
    },
    TEST_MS,
  );
});
