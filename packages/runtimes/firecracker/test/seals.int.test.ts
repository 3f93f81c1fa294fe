/** Seals of a machine over the fake: whole and as changes, of the disk alone, brought up again, refused. */
import { expect, it } from "bun:test";
import { cp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { StartMachine } from "@sandlot/runtime-contract";
import { fakeVersion, type Harness, LIMITS, type Sealed, TEST_MS } from "./harness";
import { overFake } from "./over-fake";

overFake("seals of firecracker", "g", (suite) => {
  const kindsAsked = (): unknown[] =>
    suite.harness.control
      .takeAsked()
      .flatMap(({ request, body }) =>
        request === "PUT /snapshot/create" ? [(body as { snapshot_type: string }).snapshot_type] : [],
      );
  const inode = async (sealed: Sealed): Promise<number> => (await stat(join(sealed.dir, "memory/memory"))).ino;
  const names = (sealed: Sealed): string[] => (sealed.seal.memory?.files ?? []).map(({ name }) => name).sort();

  it(
    "is whole first, then what has changed, and each can be brought up",
    async () => {
      await using slot = await suite.harness.lease();
      await using other = await suite.harness.lease();
      const machine = await suite.start(slot);
      const guest = suite.harness.guest(machine);
      for (let page = 100; page < 200; page += 1) await guest.ask("write-memory", { page, text: `first ${page}` });
      suite.harness.control.takeAsked();
      const first = await suite.harness.seal(machine);
      expect(names(first)).toEqual(["device-state", "machine.json", "memory"]);
      // Sixteen MiB, of which a hundred pages hold something.
      expect((await stat(join(first.dir, "memory/memory"))).blocks * 512).toBeLessThan(1 << 20);
      await machine.thaw();
      await guest.ask("write-memory", { page: 150, text: "second" });
      await guest.ask("write-memory", { page: 1000, text: "new" });
      await guest.ask("write-memory", { page: 151, text: "" });
      const second = await suite.harness.seal(machine);
      expect(names(second)).toEqual(["device-state", "machine.json", "memory", "memory-diff"]);
      expect(await inode(second)).toBe(await inode(first));
      expect((await stat(join(second.dir, "memory/memory-diff"))).size).toBeLessThan(64 << 10);
      await machine.thaw();
      await guest.ask("write-memory", { page: 152, text: "third" });
      const third = await suite.harness.seal(machine);
      expect(kindsAsked()).toEqual(["Full", "Diff", "Diff"]);
      await machine.end();
      const wanted: [Sealed, Record<number, string>][] = [
        [first, { 150: "first 150", 151: "first 151", 152: "first 152", 1000: "" }],
        [second, { 150: "second", 151: "", 152: "first 152", 1000: "new" }],
        [third, { 150: "second", 151: "", 152: "third", 1000: "new" }],
      ];
      for (const [sealed, pages] of wanted) {
        const resumed = await suite.start(other, suite.harness.resume(sealed));
        for (const [page, text] of Object.entries(pages))
          expect(await suite.harness.guest(resumed).ask("read-memory", { page: Number(page) })).toEqual({ text });
        await resumed.end();
      }
      expect(suite.harness.control.takeAsked().flatMap(({ wrongs }) => wrongs)).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "goes on over generations, in changes on the first memory until they have grown long",
    async () => {
      let slot = await suite.harness.lease();
      let machine = await suite.start(slot);
      for (let page = 100; page < 200; page += 1)
        await suite.harness.guest(machine).ask("write-memory", { page, text: `${page}` });
      const inodes: number[] = [];
      const written: Record<string, string> = {};
      suite.harness.control.takeAsked();
      for (let generation = 0; generation < 4; generation += 1) {
        const guest = suite.harness.guest(machine);
        for (let page = generation * 20; page < generation * 20 + 20; page += 1) {
          written[100 + page] = `g${generation}`;
          await guest.ask("write-memory", { page: 100 + page, text: `g${generation}` });
        }
        const sealed = await suite.harness.seal(machine);
        inodes.push(await inode(sealed));
        await machine.end();
        await slot[Symbol.asyncDispose]();
        slot = await suite.harness.lease();
        machine = await suite.start(slot, suite.harness.resume(sealed, generation % 2 === 0 ? "new" : "keep"));
        await rm(join(sealed.dir, "memory"), { recursive: true }); // a machine needs nothing of what it was brought up from
      }
      expect(kindsAsked()).toEqual(["Full", "Diff", "Diff", "Diff"]);
      expect(new Set(inodes.slice(0, 3)).size).toBe(1);
      expect(new Set(inodes).size).toBe(2);
      for (const [page, text] of Object.entries(written))
        expect(await suite.harness.guest(machine).ask("read-memory", { page: Number(page) })).toEqual({ text });
      await machine.end();
      await slot[Symbol.asyncDispose]();
    },
    TEST_MS,
  );

  it(
    "gives another identity before anything runs, and none to the same sandbox",
    async () => {
      await using slot = await suite.harness.lease();
      await using one = await suite.harness.lease();
      await using two = await suite.harness.lease();
      const machine = await suite.start(slot);
      const sealed = await suite.harness.seal(machine);
      await machine.thaw();
      const before = (await suite.harness.guest(machine).state()).hostname;
      const kept = await suite.start(one, { ...suite.harness.resume(sealed, "keep"), hostname: "asked" });
      const fresh = await suite.start(two, {
        ...suite.harness.resume(sealed, "new"),
        hostname: "fresh",
        limits: { ...LIMITS, pidsMax: 40 },
      });
      expect(await suite.harness.guest(kept).state()).toMatchObject({
        hostname: before,
        identities: 0,
        frozen: false,
        networkResets: 1,
      });
      expect(await suite.harness.guest(fresh).state()).toMatchObject({
        hostname: "fresh",
        identities: 1,
        frozen: false,
        pidsMax: 40,
      });
      expect((await suite.harness.guest(fresh).state()).entropyBytes).toBeGreaterThanOrEqual(64);
      for (const one of [machine, kept, fresh]) await one.end();
    },
    TEST_MS,
  );

  it(
    "holds the disk, and lies on the one below it",
    async () => {
      await using slot = await suite.harness.lease();
      const first = await suite.start(slot);
      await suite.harness.guest(first).ask("write-disk", { offset: 8 << 20, text: "one" });
      let sealed = await suite.harness.seal(first, false);
      expect(sealed.seal.memory).toBeUndefined();
      expect(sealed.seal.layer.kind).toBe("raw-diff");
      await first.thaw();
      expect((await suite.harness.guest(first).state()).syncs).toBe(2);
      await first.end();
      const sizes: number[] = [];
      for (let generation = 0; generation < 3; generation += 1) {
        const next = await suite.start(slot, { build: { buildId: "disk", layers: sealed.layers } });
        expect(next.layers.length).toBe(2 + generation);
        expect(await suite.harness.guest(next).ask("read-disk", { offset: 8 << 20, length: 3 })).toEqual({
          text: "one",
        });
        await suite.harness.guest(next).ask("write-disk", { offset: (9 + generation) << 20, text: `gen${generation}` });
        sealed = await suite.harness.seal(next, false);
        sizes.push(sealed.seal.layer.sizeBytes);
        await next.end();
      }
      for (const size of sizes) expect(size).toBeLessThan(64 << 10);
      const last = await suite.start(slot, { build: { buildId: "disk", layers: sealed.layers } });
      for (const generation of [0, 1, 2])
        expect(await suite.harness.guest(last).ask("read-disk", { offset: (9 + generation) << 20, length: 4 })).toEqual(
          {
            text: `gen${generation}`,
          },
        );
      await last.end();
    },
    TEST_MS,
  );

  it(
    "stands alone again before the disks below it are many",
    async () => {
      await using slot = await suite.harness.lease();
      let machine = await suite.start(slot);
      const kinds: (true | undefined)[] = [];
      for (let generation = 0; generation < 10; generation += 1) {
        await suite.harness
          .guest(machine)
          .ask("write-disk", { offset: (8 << 20) + generation * 4096, text: `g${generation}` });
        const sealed = await suite.harness.seal(machine, false);
        kinds.push(sealed.seal.layer.replacesDisks);
        await machine.end();
        machine = await suite.start(slot, { build: { buildId: "disk", layers: sealed.layers } });
      }
      expect(kinds.indexOf(true)).toBe(8);
      expect(machine.layers.filter(({ kind }) => kind === "raw-diff").length).toBe(2);
      for (let generation = 0; generation < 10; generation += 1)
        expect(
          await suite.harness
            .guest(machine)
            .ask("read-disk", { offset: (8 << 20) + generation * 4096, length: `g${generation}`.length }),
        ).toEqual({ text: `g${generation}` });
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "lets the machine go on as soon as all is written",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      await machine.freeze();
      const directory = await suite.harness.place();
      let calls = 0;
      const onWritten = async (): Promise<void> => {
        calls += 1;
        await machine.thaw();
      };
      const seal = await machine.seal({ directory, memory: true, onWritten }, AbortSignal.timeout(TEST_MS));
      expect(calls).toBe(1);
      expect(seal.memory?.format).toStartWith("sandlot-firecracker-1/");
      expect((await suite.harness.guest(machine).state()).frozen).toBe(false);
      await machine.end();
    },
    TEST_MS,
  );

  it(
    "wants a frozen machine",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const seal = machine.seal({ directory: await suite.harness.place(), memory: true }, AbortSignal.timeout(TEST_MS));
      await expect(seal).rejects.toMatchObject({
        code: "machine_seal_failed",
        message: expect.stringContaining("not frozen"),
      });
      expect((await suite.harness.guest(machine).state()).frozen).toBe(false);
      await machine.end();
    },
    TEST_MS,
  );

  const harms: [string, RegExp, (sealed: Sealed) => Promise<Partial<StartMachine>>][] = [
    [
      "a changed byte",
      /damaged/,
      async (sealed) => {
        const path = join(sealed.dir, "memory/memory");
        const bytes = await readFile(path);
        bytes[0] = (bytes[0] ?? 0) ^ 1;
        await writeFile(path, bytes);
        return suite.harness.resume(sealed);
      },
    ],
    [
      "a file cut short",
      /bytes/,
      async (sealed) => {
        await truncate(join(sealed.dir, "memory/memory"), 4096);
        return suite.harness.resume(sealed);
      },
    ],
    [
      "a missing file",
      /cannot be opened/,
      async (sealed) => {
        await rm(join(sealed.dir, "memory/device-state"));
        return suite.harness.resume(sealed);
      },
    ],
    ["another runtime", /reads/, async (sealed) => withMemory(suite.harness.resume(sealed), { runtime: "qemu" })],
    [
      "another format",
      /reads/,
      async (sealed) => withMemory(suite.harness.resume(sealed), { format: "sandlot-firecracker-9/x64" }),
    ],
    [
      "a name that leaves the directory",
      /names a file/,
      async (sealed) => {
        const files = [...(sealed.seal.memory?.files ?? []), { name: "../x", sizeBytes: 0, sha256: "" }];
        return withMemory(suite.harness.resume(sealed), { files });
      },
    ],
    [
      "another amount of memory",
      /MiB/,
      async (sealed) => ({ ...suite.harness.resume(sealed), limits: { ...LIMITS, memoryMiB: 32 } }),
    ],
    ["another processor", /processor 'other'/, (sealed) => withAbout(suite.harness, sealed, { processor: "other" })],
    [
      "another kernel",
      /guest kernel 6/,
      (sealed) => withAbout(suite.harness, sealed, { kernel: { version: "6", sha256: "x" } }),
    ],
    ["another guest layer", /guest layer/, (sealed) => withAbout(suite.harness, sealed, { guestLayer: "x" })],
    [
      "a version that is not here",
      /Firecracker 1\.9\.0/,
      (sealed) => withAbout(suite.harness, sealed, { firecracker: "1.9.0" }),
    ],
  ];

  it(
    "is refused for what does not fit, before anything of it runs",
    async () => {
      await using slot = await suite.harness.lease();
      await using other = await suite.harness.lease();
      const machine = await suite.start(slot);
      const whole = await suite.harness.seal(machine);
      for (const [what, says, harm] of harms) {
        const sealed = { ...whole, dir: await suite.harness.place() };
        await cp(whole.dir, sealed.dir, { recursive: true });
        const changes = await harm(sealed);
        suite.harness.control.takeAsked();
        await expect(suite.start(other, changes), what).rejects.toMatchObject({
          code: "machine_seal_unreadable",
          message: expect.stringMatching(says),
        });
        expect(suite.harness.control.takeAsked(), what).toEqual([]);
        expect((await suite.runtime.list()).length).toBe(1);
      }
      await machine.end();
      expect(await suite.harness.residue()).toEqual([]);
    },
    TEST_MS,
  );

  it(
    "is resumed by the version that wrote it, whichever is the newest by now",
    async () => {
      await using slot = await suite.harness.lease();
      const machine = await suite.start(slot);
      const sealed = await suite.harness.seal(machine);
      await machine.end();
      const versions = [await fakeVersion(suite.harness.root, "1.12.0"), ...suite.harness.config.versions];
      const later = await suite.harness.open({ versions });
      suite.harness.control.takeAsked();
      const resumed = await later.start(
        suite.harness.request(slot, suite.harness.resume(sealed)),
        AbortSignal.timeout(TEST_MS),
      );
      const line = suite.harness.control.takeAsked().find(({ request }) => request === "jailer")?.body as string[];
      expect(line[line.indexOf("--exec-file") + 1]).toContain(
        suite.harness.config.versions[0]?.firecracker.sha256 ?? "-",
      );
      await resumed.end();
      const fresh = later.start(suite.harness.request(slot), AbortSignal.timeout(TEST_MS));
      await expect(fresh).rejects.toMatchObject({ code: "firecracker_wrong_version" }); // the fake says 1.10.1
      await later[Symbol.asyncDispose]();
    },
    TEST_MS,
  );

  it(
    "refuses disks of another runtime",
    async () => {
      await using slot = await suite.harness.lease();
      const layers = [{ kind: "qcow2", path: "/x" } as const, ...suite.harness.layers];
      await expect(suite.start(slot, { build: { buildId: "b", layers } })).rejects.toMatchObject({
        code: "machine_layer_unfit",
      });
      const upside = [...suite.harness.layers, { kind: "raw-diff", path: "/x" } as const];
      await expect(suite.start(slot, { build: { buildId: "b", layers: upside } })).rejects.toMatchObject({
        code: "machine_layer_unfit",
      });
    },
    TEST_MS,
  );

  it(
    "keeps no more files than machines and the next ones need",
    async () => {
      const disks = async (): Promise<string[]> => readdir(join(suite.harness.config.nodeDir, "disks"));
      expect((await disks()).length).toBeGreaterThan(2);
      await suite.runtime.sweep(new Set());
      expect((await disks()).length).toBeLessThanOrEqual(32);
    },
    TEST_MS,
  );
});

function withMemory(changes: Partial<StartMachine>, memory: object): Partial<StartMachine> {
  const { restore } = changes;
  if (restore === undefined) throw new Error("no restore");
  return { ...changes, restore: { ...restore, memory: { ...restore.memory, ...memory } } };
}

/** As a host would find it that seals by other rules: the note is whole and signed, and says something else. */
async function withAbout(harness: Harness, sealed: Sealed, changes: object): Promise<Partial<StartMachine>> {
  const path = join(sealed.dir, "memory/machine.json");
  const text = JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...changes });
  await writeFile(path, text);
  const sha256 = new Bun.CryptoHasher("sha256").update(text).digest("hex");
  const files = (sealed.seal.memory?.files ?? []).map((file) =>
    file.name === "machine.json" ? { ...file, sizeBytes: text.length, sha256 } : file,
  );
  return withMemory(harness.resume(sealed), { files });
}
