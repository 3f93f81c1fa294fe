/** Two machines of one build are two machines. */
import { describe, expect, it } from "bun:test";
import { type Suite, said, TEST_MS } from "./suite";

export function identityCases(suite: Suite): void {
  describe("identity", () => {
    it(
      "differs between two machines of one build",
      async () => {
        await using one = await suite.boot();
        await using other = await suite.boot();
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
        await using one = await suite.boot();
        await one.run("echo secret > /etc/passed-on; rm -f /etc/hosts");
        await using other = await suite.boot();
        expect(await said(other, "test -e /etc/passed-on || echo clean; test -e /etc/hosts && echo whole")).toBe(
          "clean\nwhole",
        );
      },
      TEST_MS,
    );
  });
}
