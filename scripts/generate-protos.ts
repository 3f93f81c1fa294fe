/** spec/proto to JavaScript and type declarations, with the local plugin only. Called by generate.ts. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

export function generateProtos(root: string): void {
  const bin = join(root, "node_modules/.bin");
  const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` };
  const ran = spawnSync(join(bin, "buf"), ["generate"], { cwd: join(root, "spec/proto"), env, encoding: "utf8" });
  if (ran.status !== 0) throw new Error(`buf generate failed:\n${ran.stdout}\n${ran.stderr}`);
}
