/** Layers are written by code of our own: directories over many blocks, contents around every boundary, holes and links must
 * come back as they were. The kernel reads them; nothing of the writer takes part in the comparison. */
import { expect, it } from "bun:test";
import {
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rm,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { buildContainerRuntime } from "../build";
import { canRunMachines } from "./harness";

const SIZES = [0, 1, 63, 2000, 3967, 3968, 3969, 4032, 4033, 4095, 4096, 4097, 8192, 100_000];

async function makeTree(root: string): Promise<void> {
  await mkdir(join(root, "many"), { recursive: true });
  for (let i = 0; i < 1500; i += 1)
    await writeFile(join(root, "many", `${"n".repeat(i % 90)}!${i}`), i % 7 === 0 ? `${i}` : "");
  for (const size of SIZES) {
    await writeFile(join(root, `size-${size}`), Buffer.alloc(size, `${size},`), { mode: 0o600 + (size % 64) });
    await symlink("t".repeat(Math.min(size, 4000) || 1), join(root, `link-${size}`));
  }
  await link(join(root, "size-4097"), join(root, "many", "other-name"));
  for (const gap of [70_000, 5_000_000, 9_000_000_000]) {
    const file = await open(join(root, `holes-${gap}`), "w");
    await file.write("first", 0);
    await file.write("last", gap);
    await file.close();
  }
  await utimes(join(root, "size-1"), 1, 1.25);
}

async function describeTree(root: string): Promise<string[]> {
  const lines: string[] = [];
  const below = (await readdir(join(root, "many"))).map((name) => join("many", name));
  for (const name of [...(await readdir(root)), ...below].sort()) {
    const path = join(root, name);
    const about = await lstat(path);
    const kind = [about.mode, about.uid, about.mtimeMs, about.isDirectory() ? "" : `${about.nlink} ${about.size}`];
    const whole = about.isFile() && about.size < 10_000_000 ? Bun.hash(await readFile(path)) : "";
    const target = about.isSymbolicLink() ? await readlink(path) : "";
    lines.push([name, ...kind, whole, target].join(" "));
  }
  return lines;
}

it.skipIf(canRunMachines() !== undefined)(
  "writes a layer that the kernel shows as the tree it was made of",
  async () => {
    const root = await mkdtemp("/var/tmp/sandlot-layer-");
    const [tree, image, at] = [join(root, "tree"), join(root, "layer.erofs"), join(root, "at")];
    await buildContainerRuntime(root);
    await makeTree(tree);
    await mkdir(at);
    const run = (...argv: string[]): number => Bun.spawnSync(argv, { stderr: "inherit" }).exitCode;
    expect(run(join(root, "launcher"), "make-layer", "--image", image, "--dir", tree)).toBe(0);
    expect(run(join(root, "launcher"), "layer", "--image", image, "--at", at)).toBe(0);
    try {
      expect(await describeTree(at)).toEqual(await describeTree(tree));
      const far = await open(join(at, "holes-9000000000"), "r");
      const { buffer } = await far.read(new Uint8Array(4), 0, 4, 9_000_000_000);
      await far.close();
      expect(Buffer.from(buffer).toString()).toBe("last");
      expect((await lstat(image)).size).toBeLessThan(12_000_000);
    } finally {
      run("umount", at);
      await rm(root, { recursive: true });
    }
  },
  60_000,
);
