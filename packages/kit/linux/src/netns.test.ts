import { describe, expect, it } from "bun:test";
import { readlinkSync } from "node:fs";
import { NetworkNamespace, originalDestination } from "./netns";

const here = (): string => readlinkSync("/proc/thread-self/ns/net");

describe(NetworkNamespace, () => {
  it.skipIf(process.getuid?.() !== 0)("runs work inside and comes back, also when it throws", async () => {
    const child = Bun.spawn(["unshare", "-n", "sh", "-c", "echo; exec sleep 30"], { stdout: "pipe" });
    try {
      await child.stdout.getReader().read();
      const path = `/proc/${child.pid}/ns/net`;
      const home = here();
      using namespace = new NetworkNamespace(path);
      expect(namespace.run(here)).toBe(readlinkSync(path));
      expect(here()).toBe(home);
      expect(() =>
        namespace.run(() => {
          throw new Error("no");
        }),
      ).toThrow("no");
      expect(here()).toBe(home);
      expect(readlinkSync(path)).not.toBe(home);
    } finally {
      child.kill();
      await child.exited;
    }
  });
  it("says which namespace is not there", () => {
    expect(() => new NetworkNamespace("/run/netns/none-such")).toThrow("ENOENT");
  });
});

describe(originalDestination, () => {
  it("is undefined for what was not redirected", () => {
    expect(originalDestination(0)).toBeUndefined();
  });
});
