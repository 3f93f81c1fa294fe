/** Root inside is nobody outside, and sees and reaches nothing of the host. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS, TRY } from "./suite";

export function wallsCases(suite: Suite): void {
  describe("walls", () => {
    it(
      "has root inside that is nobody outside, and setuid programs that work",
      async () => {
        await using running = await suite.start();
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
        await using running = await suite.start();
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
        await using running = await suite.start();
        expect(await said(running, `${TRY} ${what}`)).toBe(answer);
      },
      TEST_MS,
    );

    it(
      "shows nothing of the host in /proc and /sys, and lets nothing of it be changed",
      async () => {
        await using running = await suite.start();
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
        await using running = await suite.start();
        expect(
          await said(running, "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | wc -c"),
        ).toBe("4\n4");
        expect(await said(running, "touch /dev/shm/a && ls /dev/shm && test -c /dev/ptmx && echo pty")).toBe("a\npty");
        expect(await said(running, "mknod /tmp/disk b 254 0 2>/dev/null || echo refused")).toBe("refused");
      },
      TEST_MS,
    );

    it(
      "may mount a tmpfs and change its own network, as root inside may",
      async () => {
        await using running = await suite.start();
        const { exitCode, output } = await running.run(
          "mkdir -p /tmp/t && mount -t tmpfs x /tmp/t && touch /tmp/t/f && umount /tmp/t",
        );
        expect({ exitCode, output }).toEqual({ exitCode: 0, output: "" });
        expect(await said(running, "echo 1 > /proc/sys/net/ipv4/ip_forward && cat /proc/sys/net/ipv4/ip_forward")).toBe(
          "1",
        );
      },
      TEST_MS,
    );
  });
}
