/** A machine starts, answers, freezes and ends. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS } from "./suite";

export function lifeCases(suite: Suite): void {
  describe("life", () => {
    it(
      "shows itself usable by a trial machine",
      async () => {
        const probe = await suite.runtime.probe(AbortSignal.timeout(TEST_MS));
        expect(probe.problems).toEqual([]);
        expect(probe.usable).toBe(true);
      },
      TEST_MS,
    );

    it(
      "starts, answers, and leaves nothing when ended",
      async () => {
        const running = await suite.boot();
        expect(await running.run("echo hello; exit 3")).toEqual({ exitCode: 3, output: "hello\n" });
        expect((await suite.runtime.list()).map((machine) => machine.machineId)).toEqual([running.machine.machineId]);
        await running.machine.end();
        await running.machine.end();
        expect(await running.machine.ended).toEqual({ exitCode: 137, outOfMemory: false });
        expect(await suite.harness.residue()).toEqual([]);
        await running[Symbol.asyncDispose]();
      },
      TEST_MS,
    );

    it(
      "refuses a second machine of one name and spares the first",
      async () => {
        await using running = await suite.start();
        const again = { ...suite.request(running.slot), machineId: running.machine.machineId };
        await expect(suite.runtime.start(again, AbortSignal.timeout(TEST_MS))).rejects.toThrow("exists");
        expect(await said(running, "echo here")).toBe("here");
      },
      TEST_MS,
    );

    it(
      "tells of an end from inside with its exit code",
      async () => {
        await using running = await suite.start();
        await running.run("kill -TERM 1").catch(() => undefined);
        expect(await running.machine.ended).toEqual({ exitCode: 0, outOfMemory: false });
        expect(await suite.runtime.list()).toEqual([]);
      },
      TEST_MS,
    );

    it(
      "brings envd back when it dies, and reaps orphans",
      async () => {
        await using running = await suite.start();
        expect(await said(running, "(sleep 0 &) ; sleep 0.1; ls -d /proc/[0-9]* | wc -l")).not.toBe("");
        await running.run("kill -KILL 2").catch(() => undefined);
        // One that connects while the old one dies is answered nothing.
        let answer = "";
        for (let tries = 0; tries < 50 && answer === ""; tries += 1)
          answer = await said(running, "echo back").catch(() => "");
        expect(answer).toBe("back");
        const zombies = await said(running, "grep -l '^State:.Z' /proc/[0-9]*/status 2>/dev/null | wc -l");
        expect(zombies).toBe("0");
      },
      TEST_MS,
    );

    it(
      "freezes and thaws with memory kept",
      async () => {
        await using running = await suite.start();
        await running.run("(while :; do echo beat >> /tmp/beat; sleep 0.01; done) >/dev/null 2>&1 &");
        await running.machine.freeze();
        await running.machine.freeze();
        const stuck = await Promise.race([said(running, "echo no"), Bun.sleep(300).then(() => "frozen")]);
        expect(stuck).toBe("frozen");
        await running.machine.thaw();
        const beats = async (): Promise<number> => Number(await said(running, "wc -l < /tmp/beat"));
        const before = await beats();
        for (let tries = 0; tries < 100 && (await beats()) === before; tries += 1) await Bun.sleep(100);
        expect(await beats()).toBeGreaterThan(before);
      },
      TEST_MS,
    );

    it(
      "ends a frozen machine",
      async () => {
        await using running = await suite.start();
        await running.machine.freeze();
        await running.machine.end();
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );
  });
}
