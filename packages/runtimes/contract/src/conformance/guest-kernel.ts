/** Root inside is the root of a kernel of its own, may all that it can do there, and sees and reaches nothing of the host. */
import { describe, expect, it } from "bun:test";
import { release } from "node:os";
import { type Suite, said, TEST_MS, TRY } from "./suite";

export function guestKernelCases(suite: Suite): void {
  describe("a kernel of its own", () => {
    it(
      "is not the host's, tells of the machine alone, and has no way to run machines itself",
      async () => {
        await using running = await suite.boot();
        const kernel = await said(running, "cat /proc/sys/kernel/osrelease");
        expect(kernel).not.toBe(release());
        expect(kernel).toBe(suite.runtime.facts?.kernel ?? "unknown");
        expect(await said(running, "grep -c ^processor /proc/cpuinfo")).toBe("1");
        const total = Number(await said(running, "sed -n 's/^MemTotal: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo"));
        const { memoryLimitBytes } = await running.machine.stats();
        expect(total * 1024).toBeLessThan(memoryLimitBytes);
        expect(total * 1024).toBeGreaterThan(memoryLimitBytes / 3);
        expect(await said(running, "grep -cwE 'vmx|svm' /proc/cpuinfo")).toBe("0");
        expect(await said(running, "ls /dev/kvm 2>/dev/null; true")).toBe("");
        expect(Number(await said(running, "ls -d /proc/[0-9]* | wc -l"))).toBeLessThan(12);
      },
      TEST_MS,
    );

    it(
      "lets its root do what only a host's root may elsewhere",
      async () => {
        await using running = await suite.start();
        for (const what of ["userns", "clone_userns"]) expect(await said(running, `${TRY} ${what}`)).toBe("done");
        const mounted = "mkdir -p /tmp/t && mount -t tmpfs x /tmp/t && touch /tmp/t/f && umount /tmp/t && echo ok";
        expect(await said(running, mounted)).toBe("ok");
        expect(await said(running, "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward")).toBe(
          "1",
        );
        const device = "mknod /tmp/null c 1 3 && echo x > /tmp/null && echo ok";
        expect(await said(running, device)).toBe("ok");
        expect(await said(running, "/usr/lib/sandlot/envd as 1000 /usr/lib/sandlot/envd try euid")).toBe("1000");
        expect(await said(running, "touch /dev/shm/a && ls /dev/shm && test -c /dev/ptmx && echo pty")).toBe("a\npty");
      },
      TEST_MS,
    );

    it(
      "ends the machine when it is told to panic or to start anew, and nothing else",
      async () => {
        await using bystander = await suite.start();
        await using running = await suite.start();
        await running.run("(sleep 0.3; echo c > /proc/sysrq-trigger) >/dev/null 2>&1 &");
        const { exitCode, outOfMemory } = await running.machine.ended;
        expect(outOfMemory).toBe(false);
        expect(exitCode).toBeGreaterThanOrEqual(0);
        expect(await said(bystander, "echo here")).toBe("here");
      },
      TEST_MS,
    );
  });
}
