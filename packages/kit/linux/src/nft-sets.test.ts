import { describe, expect, it } from "bun:test";
import { NftSets, type SetContent, setBatch } from "./nft-sets";

const RULES = `table inet t {
  set ranges { type ipv4_addr; flags interval; }
  set single { type ipv4_addr; }
}`;
const TOP = 0xffff_ffff;
const ranges = (...pairs: [number, number][]): SetContent => ({
  set: "ranges",
  isInterval: true,
  ranges: pairs.map(([first, last]) => ({ first, last })),
});
const single = (...addresses: number[]): SetContent => ({
  set: "single",
  isInterval: false,
  ranges: addresses.map((address) => ({ first: address, last: address })),
});

/** Runs with a namespace of its own that has the table. */
async function inNamespace(work: (of: { sets: NftSets; show: (set: string) => string }) => void): Promise<void> {
  const child = Bun.spawn(["unshare", "-n", "sh", "-c", `echo '${RULES}' | nft -f -; echo; exec sleep 30`], {
    stdout: "pipe",
  });
  try {
    await child.stdout.getReader().read();
    const netnsPath = `/proc/${child.pid}/ns/net`;
    using sets = new NftSets({ netnsPath, table: "t" });
    work({
      sets,
      show(set) {
        const { stdout } = Bun.spawnSync(["nsenter", `--net=${netnsPath}`, "nft", "list", "set", "inet", "t", set]);
        const found = /elements = \{([^}]*)\}/.exec(stdout.toString())?.[1] ?? "";
        return found.replace(/\s+/g, "");
      },
    });
  } finally {
    child.kill();
    await child.exited;
  }
}

describe.skipIf(process.getuid?.() !== 0)(NftSets, () => {
  it("puts addresses and ranges where nft finds them, and others in their place", async () => {
    await inNamespace(({ sets, show }) => {
      sets.put([ranges([0x01000000, 0x01ffffff], [0x08080808, 0x08080808]), single(0x0a000001)], true);
      expect([show("ranges"), show("single")]).toEqual(["1.0.0.0/8,8.8.8.8", "10.0.0.1"]);
      sets.put([ranges([0, TOP]), single()], false);
      expect([show("ranges"), show("single")]).toEqual(["0.0.0.0/0", ""]);
      sets.put([ranges([0, 0x7fffffff], [0xc0000000, TOP])], false);
      expect(show("ranges")).toBe("0.0.0.0/1,192.0.0.0/2");
      sets.put([ranges(), single()], false);
      expect([show("ranges"), show("single")]).toEqual(["", ""]);
    });
  });

  it("takes more than one message holds", async () => {
    await inNamespace(({ sets, show }) => {
      const pairs = Array.from({ length: 9_000 }, (_, at): [number, number] => [at * 512 + 1, at * 512 + 9]);
      sets.put([ranges(...pairs)], false);
      const found = show("ranges").split(",");
      expect([found.length, found[0], found.at(-1)]).toEqual([9_000, "0.0.0.1-0.0.0.9", "0.70.78.1-0.70.78.9"]);
    });
  });

  it("does all or nothing, and says what the kernel says", async () => {
    await inNamespace(({ sets, show }) => {
      sets.put([single(1)], true);
      expect(() => sets.put([single(2), { ...single(3), set: "none" }], false)).toThrow("ENOENT");
      expect(show("single")).toBe("0.0.0.1");
    });
  });

  it("says which namespace is not there", () => {
    expect(() => new NftSets({ netnsPath: "/run/netns/none-such", table: "t" })).toThrow("ENOENT");
  });
});

describe(setBatch, () => {
  it("is nothing when fresh sets stay empty", () => {
    expect(setBatch("t", [ranges(), single()], true)).toBeUndefined();
    expect(setBatch("t", [ranges()], false)).toBeDefined();
  });
});
