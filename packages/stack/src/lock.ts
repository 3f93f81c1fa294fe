/** One command at a time may change an installation. */
import { linkSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import { markOf, readMark, writeMark } from "@sandlot/host";
import { stackFaults } from "./faults";

/**
 * Holds the data directory's lock until disposed of. A lock whose owner died counts for nothing.
 * @throws Fault `stack_busy` at once when another command holds it
 */
export function holdLock(of: { lock: string; dataDir: string }): Disposable {
  mkdirSync(dirname(of.lock), { recursive: true });
  const mine = markOf(process.pid);
  if (mine === undefined) throw new Error("a running process has no mark");
  const draft = `${of.lock}.${process.pid}`;
  writeMark(draft, mine);
  try {
    for (let tries = 0; tries < 3; tries += 1) {
      try {
        linkSync(draft, of.lock); // fails when it is there: this is the lock
        return { [Symbol.dispose]: () => rmSync(of.lock, { force: true }) };
      } catch (thrown) {
        if ((thrown as NodeJS.ErrnoException).code !== "EEXIST") throw thrown;
        const owner = readMark(of.lock);
        if (owner !== undefined) throw stackFaults.busy({ dataDir: of.dataDir, pid: owner.pid });
        rmSync(of.lock, { force: true });
      }
    }
    throw stackFaults.busy({ dataDir: of.dataDir, pid: 0 });
  } finally {
    rmSync(draft, { force: true });
  }
}
