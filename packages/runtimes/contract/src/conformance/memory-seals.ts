/** A machine's processes are written down with their memory, and go on from there: here or as another machine, once or often. */
import { describe, expect, it } from "bun:test";
import { keepEverything, type Running, STAND_IN, type Suite, said, TEST_MS, TRY, whatIsWrong } from "./suite";

const IDENTITY = "cat /proc/sys/kernel/random/boot_id /etc/machine-id /etc/hostname; hostname; cat /etc/hosts";

/** What the host's kernel must still refuse it. */
async function expectWalls(resumed: Running): Promise<void> {
  for (const [what, answer] of [
    ["io_uring", "ENOSYS"],
    ["userns", "EPERM"],
  ])
    expect(await said(resumed, `${TRY} ${what}`)).toBe(answer ?? "");
  expect(await said(resumed, "cat /proc/keys /proc/sysrq-trigger /sys/kernel/* 2>/dev/null | wc -c")).toBe("0");
}

export function memorySealCases(suite: Suite, memory: boolean): void {
  describe.skipIf(!memory)("a seal with memory", () => {
    it(
      "keeps all that a program holds, in the machine and in the one brought up from it",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await keepEverything(running);
        const identity = await said(running, IDENTITY);
        const sealed = await suite.seal(running, place);
        expect(sealed.seal.memory?.runtime).toBe(suite.runtime.name);
        await running.machine.thaw();
        expect(await whatIsWrong(running)).toEqual([]);
        await running.machine.end();
        await using resumed = await suite.resume(sealed, "keep");
        expect(await whatIsWrong(resumed)).toEqual([]);
        expect(await said(resumed, IDENTITY)).toBe(identity);
        expect(await said(resumed, "cat /proc/self/cgroup | grep -v ':/$' | wc -l")).toBe("0");
        expect((await suite.runtime.list()).map(({ machineId }) => machineId)).toEqual([resumed.machine.machineId]);
      },
      TEST_MS,
    );

    it(
      "can be brought up several times at once, each with an identity of its own",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await keepEverything(running);
        const sealed = await suite.seal(running, place);
        await running.machine.thaw();
        const copies = suite.traits.slow === true ? 2 : 5;
        const all = await Promise.all(Array.from({ length: copies }, () => suite.resume(sealed, "new")));
        expect((await Promise.all(all.map(whatIsWrong))).flat()).toEqual([]);
        const told = await Promise.all([running, ...all].map((one) => said(one, IDENTITY)));
        for (const line of [0, 1, 2, 3])
          expect(new Set(told.map((text) => text.split("\n")[line])).size).toBe(copies + 1);
        for (const [at, one] of all.entries())
          expect(told[at + 1]).toContain(`127.0.1.1\t${await said(one, "hostname")}`);
        await Promise.all(all.map((one) => one[Symbol.asyncDispose]()));
      },
      TEST_MS,
    );

    it(
      "can be made of a machine that was brought up from one, ten times over",
      async () => {
        let running = await suite.start();
        await keepEverything(running);
        await running.run("echo 0 > /srv/generations");
        await using places = new AsyncDisposableStack();
        for (let generation = 1; generation <= suite.rounds(10); generation += 1) {
          const place = places.use(await suite.harness.place());
          const sealed = await suite.seal(running, place);
          await running[Symbol.asyncDispose]();
          running = await suite.resume(sealed, generation % 2 === 0 ? "keep" : "new");
          expect(await whatIsWrong(running)).toEqual([]);
          expect(await said(running, `echo ${generation} >> /srv/generations; wc -l < /srv/generations`)).toBe(
            String(generation + 1),
          );
        }
        await running[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it(
      "is whole when processors are busy and files are being written",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await running.run(
          `(while :; do :; done) > /dev/null 2>&1 & (while :; do ${TRY} spin 50; done) > /dev/null 2>&1 &`,
        );
        await running.run("(i=0; while :; do i=$((i+1)); echo $i >> /srv/log; done) > /dev/null 2>&1 &");
        await Bun.sleep(100);
        const sealed = await suite.seal(running, place);
        await running.machine.end();
        await using resumed = await suite.resume(sealed, "keep");
        const lines = async (): Promise<number> => Number(await said(resumed, "wc -l < /srv/log"));
        const before = await lines();
        for (let tries = 0; tries < 100 && (await lines()) === before; tries += 1) await Bun.sleep(100);
        expect(await lines()).toBeGreaterThan(before);
        const check = "head -n 2000 /srv/log | (n=0; while read i; do n=$((n+1)); [ $i = $n ] || echo gap $i; done)";
        expect(await said(resumed, check)).toBe("");
      },
      TEST_MS,
    );

    it(
      "waits for a moment in which no program is being started",
      async () => {
        await using running = await suite.start();
        await keepEverything(running);
        await running.run(`${TRY} spawn > /dev/null 2>&1 &`);
        for (let round = 0; round < 4; round += 1) {
          await using place = await suite.harness.place();
          await suite.seal(running, place);
          await running.machine.thaw();
        }
        expect(await whatIsWrong(running)).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "comes up within its limits, and ends as any machine does",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        // Its root may have put anything where its identity is kept.
        await running.run("rm -rf /etc/hosts /run/sandlot; mkdir -p /etc/hosts/x; ln -sf /nowhere /etc/hostname");
        const sealed = await suite.seal(running, place);
        await running.machine.end();
        await using resumed = await suite.resume(sealed, "new", { pidsMax: 40 });
        expect((await resumed.run(`${TRY} hog 400`)).exitCode).toBe(137);
        expect(Number((await said(resumed, `${TRY} pids 500`)).split(" ")[0])).toBeLessThan(40);
        if (suite.traits.ownKernel !== true) await expectWalls(resumed);
        expect((await resumed.machine.stats()).memoryUsedBytes).toBeGreaterThan(0);
        await resumed.run("kill -TERM 1").catch(() => undefined);
        expect(await resumed.machine.ended).toEqual({ exitCode: 0, outOfMemory: false });
        expect(await suite.runtime.list()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "belongs to whoever finds the machine after a restart, too",
      async () => {
        await using first = await suite.harness.place();
        await using second = await suite.harness.place();
        await using running = await suite.start();
        await keepEverything(running);
        const sealed = await suite.seal(running, first);
        await running.machine.end();
        await using resumed = await suite.resume(sealed, "keep");
        const later = await suite.harness.open();
        const [found] = await later.list();
        if (found === undefined) throw new Error("not found");
        expect(found.layers).toEqual(resumed.machine.layers);
        const adopted: Running = { ...resumed, machine: found, [Symbol.asyncDispose]: async () => undefined };
        const again = await suite.seal(adopted, second);
        await found.thaw();
        expect(await whatIsWrong(resumed)).toEqual([]);
        await using copy = await suite.resume(again, "new");
        expect(await whatIsWrong(copy)).toEqual([]);
        await resumed.run("kill -TERM 1").catch(() => undefined);
        expect((await found.ended).exitCode).toBe(0);
        await later[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it(
      "leaves nothing when bringing it up is broken off at any moment",
      async () => {
        await using place = await suite.harness.place();
        await using running = await suite.start();
        await running.run(`${STAND_IN} keep > /dev/null 2>&1 &`);
        const sealed = await suite.seal(running, place);
        await running.machine.end();
        for (const afterMs of suite.some([0, 5, 10, 18, 26, 34, 42, 50, 60, 75])) {
          await using slot = await suite.harness.lease();
          const stop = new AbortController();
          const timer = setTimeout(() => stop.abort(new Error("called off")), afterMs);
          const request = { ...suite.request(slot), build: sealed.build, restore: sealed.restore("new") };
          const machine = await suite.runtime.start(request, stop.signal).catch((thrown: Error) => thrown.message);
          clearTimeout(timer);
          if (typeof machine === "string") expect(machine).toBe("called off");
          else await machine.end();
        }
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );
  });
}
