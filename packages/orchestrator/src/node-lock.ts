import { rmSync } from "node:fs";
import { join } from "node:path";
import { takeFileLock } from "@sandlot/linux";
import { nodeFaults } from "./faults";

const HOST_DIR = "/run/sandlot";

/**
 * One process at a time may own what carries the tag on this host, and one the node's directory: a second one would take
 * the first one's machines for remains and end them. Let go of by the kernel when the process dies.
 * @throws Fault `node_already_runs`
 */
export function holdNode(of: { installationTag: string; basePath: string }): Disposable {
  using held = new DisposableStack();
  const places = {
    // First, so that one refused here leaves no file under a tag that is not its own.
    [`directory ${of.basePath}`]: join(of.basePath, "node.lock"),
    [`installation ${of.installationTag}`]: lockOfTag(of.installationTag),
  };
  for (const [what, path] of Object.entries(places)) {
    const lock = takeFileLock(path);
    if (!lock.isHeld) throw nodeFaults.already_runs({ what, pid: lock.by ?? 0 });
    held.use(lock);
  }
  return held.move();
}

/** Takes the file away that a swept installation would leave; by the holder only. */
export function forgetNode(of: { installationTag: string }): void {
  rmSync(lockOfTag(of.installationTag), { force: true });
}

const lockOfTag = (tag: string): string => join(HOST_DIR, `node.${tag}.lock`);
