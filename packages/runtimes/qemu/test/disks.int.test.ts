/** Disks that lie on each other, made and read by the real qemu-img. Needs root: the tool runs as somebody else. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { copyFile, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureEmptyOverlay, planDiskChain } from "../src/disk-chain";
import { flattenDisks } from "../src/seals/flatten-disks";

const canRun = process.getuid?.() === 0 && Bun.which("qemu-img") !== null && Bun.which("qemu-io") !== null;
const SIZE = 64 << 20;

describe.skipIf(!canRun)("disks of virtual machines", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "sandlot-disks-"));
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  function tool(...words: string[]): string {
    const { exitCode, stdout, stderr } = Bun.spawnSync(words);
    if (exitCode !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    return stdout.toString();
  }

  const nodeOf = ([newest, ...below]: string[]): object => ({
    driver: "qcow2",
    file: { driver: "file", filename: newest },
    backing: below.length === 0 ? null : nodeOf(below),
  });
  const seen = (...disks: string[]): string => `json:${JSON.stringify(nodeOf(disks))}`;

  it("become one that says the same, whoever wrote them, and hide what lies below it", async () => {
    const lowest = join(dir, "lowest.qcow2");
    tool("qemu-img", "create", "-q", "-f", "qcow2", lowest, String(SIZE));
    tool("qemu-io", "-c", "write -P 1 0 1M", "-c", "write -P 2 2M 64k", lowest);
    const upper = join(dir, "upper.qcow2");
    await copyFile(await ensureEmptyOverlay({ cacheDir: dir, sizeBytes: SIZE }), upper);
    tool("qemu-io", "-c", "write -P 9 64k 64k", "-c", "write -z 2M 64k", seen(upper, lowest));
    const layers = [upper, lowest].map((path) => ({ kind: "qcow2", path }) as const);
    const lost = { kind: "qcow2", path: join(dir, "nowhere") } as const;
    const tree = { kind: "erofs", path: "/tree" } as const;
    // The lowest lies on nothing: what is said to be below it is never looked at.
    expect(await planDiskChain([...layers, lost, tree])).toEqual({
      chain: [upper, lowest],
      chainBytes: SIZE,
      trees: [tree],
    });
    const flat = join(dir, "flat.qcow2");
    await flattenDisks({ disks: [upper, lowest], to: flat, uid: 2_114_445_312 }, AbortSignal.timeout(20_000));
    expect(tool("qemu-img", "compare", seen(upper, lowest), flat)).toContain("identical");
    expect((await stat(flat)).uid).toBe(0);
    expect((await planDiskChain([{ kind: "qcow2", path: flat }, lost, tree])).chain).toEqual([flat]);
  });

  it("are refused in an order that no machine can have, and of kinds of others", async () => {
    const disk = { kind: "qcow2", path: join(dir, "lowest.qcow2") } as const;
    const tree = { kind: "erofs", path: "/tree" } as const;
    await expect(planDiskChain([tree, disk])).rejects.toThrow("cannot start this build");
    await expect(planDiskChain([{ kind: "raw-diff", path: "/x" }, tree])).rejects.toThrow("cannot start this build");
    await expect(planDiskChain([{ kind: "qcow2", path: join(dir, "gone.qcow2") }])).rejects.toThrow("cannot be used");
  });
});
