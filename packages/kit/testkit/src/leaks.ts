/** Fails a test that leaves something behind. */
import { findResidue, type Residue } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";

/** Waits up to `withinMs` for an installation's traces to go, then returns those that stayed. */
export async function leftBy(of: { tag: string; dataDir?: string }, withinMs = 2_000): Promise<readonly Residue[]> {
  const endMs = performance.now() + withinMs;
  for (;;) {
    const left = await findResidue(of);
    if (left.length === 0 || performance.now() >= endMs) return left;
    await sleep(50);
  }
}

/** Runs `work` and throws when an installation's traces are there afterwards that were not there before. */
export async function leavingNothing<T>(of: { tag: string; dataDir?: string }, work: () => Promise<T>): Promise<T> {
  const before = new Set((await findResidue(of)).map(({ kind, name }) => `${kind} ${name}`));
  const result = await work();
  const fresh = (await leftBy(of)).map(({ kind, name }) => `${kind} ${name}`).filter((line) => !before.has(line));
  if (fresh.length > 0) throw new Error(`left behind:\n${fresh.join("\n")}`);
  return result;
}
