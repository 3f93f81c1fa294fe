/** What bounds a machine holds, and bounds nothing else. */
import { describe, expect, it } from "bun:test";
import { LIMITS, type Suite, said, TEST_MS, TRY } from "./suite";

export function limitsCases(suite: Suite): void {
  describe("limits", () => {
    it(
      "kills what takes too much memory, and nothing else",
      async () => {
        await using running = await suite.start();
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
        await using running = await suite.start();
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
        await using running = await suite.start();
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
        await using running = await suite.start();
        await running.run("true");
        const before = (await running.machine.stats()).cpuUsedMicros;
        const sinceMs = performance.now();
        await running.run(`${TRY} spin 1000`);
        const used = (await running.machine.stats()).cpuUsedMicros - before;
        const tookMicros = (performance.now() - sinceMs) * 1_000;
        expect(used).toBeGreaterThan(20_000); // some 1,000,000 where nobody else is busy
        expect(used).toBeLessThan(tookMicros * 1.35);
      },
      TEST_MS,
    );
  });
}
