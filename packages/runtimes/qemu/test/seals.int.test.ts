/** What of seals is this runtime's own: copies of a whole kernel, files that machines share, hosts that do not fit. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { createHash } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Place, type Sealed, Suite } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, qemuHarness } from "./harness";

const missing = canRunMachines();
const TEST_MS = 150_000;
const hasBash = (process.env.SANDLOT_TEST_BASE_EROFS ?? "") !== "";
const saidBy = async (running: { run(script: string): Promise<{ output: string }> }, script: string): Promise<string> =>
  (await running.run(script)).output.trim();

describe.skipIf(missing !== undefined)(
  `seals of virtual machines${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    const suite = new Suite({ memory: true, ownKernel: true, slow: true });
    let home: Place;
    let sealed: Sealed;
    let sealedAtMs = 0;
    beforeAll(async () => {
      await suite.open(await qemuHarness("z"));
      home = await suite.harness.place();
      await using running = await suite.start();
      await running.run("echo kept > /tmp/kept");
      sealed = await suite.seal(running, home);
      sealedAtMs = Date.now();
    }, TEST_MS);
    afterAll(async () => {
      await home[Symbol.asyncDispose]();
      expect(await suite.close()).toEqual([]);
    }, TEST_MS);

    it(
      "gives every copy randomness and the time of its own, before anything in it runs",
      async () => {
        while (Date.now() - sealedAtMs < 2_000) await Bun.sleep(50);
        const copies = await Promise.all([suite.resume(sealed, "new"), suite.resume(sealed, "new")]);
        const drawn = await Promise.all(copies.map((one) => saidBy(one, "head -c 16 /dev/urandom | od -An -tx1")));
        expect(drawn[0]).toMatch(/^([0-9a-f]{2} ?){16}$/);
        expect(new Set(drawn).size).toBe(2);
        const ids = await Promise.all(
          copies.map((one) => saidBy(one, "cat /proc/sys/kernel/random/uuid /etc/machine-id")),
        );
        expect(new Set(ids.flatMap((text) => text.split("\n"))).size).toBe(4);
        for (const one of copies) {
          const beforeMs = Date.now();
          const its = Number(await saidBy(one, "date +%s%N")) / 1e6;
          expect(its).toBeGreaterThan(beforeMs - 1_000);
          expect(its).toBeLessThan(Date.now() + 1_000);
          await one[Symbol.asyncDispose]();
        }
      },
      TEST_MS,
    );

    it.skipIf(!hasBash)(
      "ends connections to the outside in a copy, and leaves those inside",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.resume(sealed, "new");
        const { netnsPath, guestGateway } = running.slot;
        const listen = `Bun.listen({ hostname: "${guestGateway}", port: 7777, socket: { data() {} } }); console.log("up")`;
        const words = ["nsenter", `--net=${netnsPath}`, process.execPath, "-e", listen];
        const outside = Bun.spawn(words, { stdout: "pipe", stderr: "inherit" });
        await outside.stdout.getReader().read();
        await running.run(
          `(bash -c 'exec 3<>/dev/tcp/${guestGateway}/7777 && echo open > /tmp/out; cat <&3; echo ended >> /tmp/out' > /dev/null 2>&1 &)`,
        );
        while ((await saidBy(running, "cat /tmp/out")) !== "open") await Bun.sleep(50);
        const again = await suite.seal(running, place);
        await using copy = await suite.resume(again, "new");
        const said = () => saidBy(copy, "cat /tmp/out");
        for (let tries = 0; tries < 100 && (await said()) === "open"; tries += 1) await Bun.sleep(100);
        expect(await said()).toBe("open\nended");
        await running.machine.thaw();
        expect(await saidBy(running, "cat /tmp/out")).toBe("open"); // the original's lives on
        outside.kill();
        await outside.exited;
      },
      TEST_MS,
    );

    it(
      "keeps a machine going, and sealable, when the build it came from is removed",
      async () => {
        const first = await suite.harness.place();
        await using second = await suite.harness.place();
        await using running = await suite.resume(sealed, "new");
        const gone = await suite.seal(running, first);
        await using copy = await suite.resume(gone, "new");
        await rm(join(first.path, "memory"), { recursive: true });
        expect(await saidBy(copy, "cat /tmp/kept; echo more > /tmp/more; cat /usr/lib/sandlot/init | wc -c")).toMatch(
          /^kept\n/,
        );
        const again = await suite.seal(copy, second);
        expect(again.seal.memory?.files.map(({ name }) => name)).toContain("memory-diff");
        await copy.machine.end();
        await using last = await suite.resume(again, "keep");
        expect(await saidBy(last, "cat /tmp/kept /tmp/more")).toBe("kept\nmore");
        await last.machine.end();
        await first[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it.each([
      ["another kernel", { kernel: { version: "6.1.0", sha256: "00".repeat(32) } }, /the kernel was 0000/],
      ["another clock rate", { tscKhz: 1_000_000 }, /the TSC ran at 1000000/],
      ["another processor", { cpuModel: "host" }, /the CPU model was host/],
      ["other layers", { layersSha256: "00" }, /another disk than the one/],
      ["more memory", { memoryMiB: 128 }, /memory in MiB was 128/],
    ])(
      "refuses what was sealed on %s, and leaves nothing",
      async (_, change, says) => {
        await using place = await suite.harness.place();
        const copied = Bun.spawnSync(["cp", "-r", "--sparse=always", `${home.path}/memory/.`, place.path]);
        expect(copied.exitCode).toBe(0);
        const path = join(place.path, "machine.json");
        const text = JSON.stringify({ ...JSON.parse(await readFile(path, "utf8")), ...change });
        await writeFile(path, text);
        const changed = {
          name: "machine.json",
          sizeBytes: text.length,
          sha256: createHash("sha256").update(text).digest("hex"),
        };
        const from = sealed.restore("new");
        const files = [...from.memory.files.filter(({ name }) => name !== "machine.json"), changed];
        await using slot = await suite.harness.lease();
        const restore = { ...from, directory: place.path, memory: { ...from.memory, files } };
        const started = suite.runtime.start(
          { ...suite.request(slot), build: sealed.build, restore },
          AbortSignal.timeout(TEST_MS),
        );
        await expect(started).rejects.toMatchObject({
          code: "machine_seal_unreadable",
          message: expect.stringMatching(says),
        });
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );
  },
);
