/** A seal whose process was killed goes on in its helper, which nobody waits for any more. */
import { type Clock, sleep } from "@sandlot/lifetime";
import { isAlive, readProcess } from "@sandlot/runtime-host";
import { containerFaults } from "./faults";
import { limits } from "./limits";

/** Tells the helper to stop, and waits until it has put the machine right; it leaves it frozen. Nothing to do mostly.
 * @throws Fault `container_seal_stuck` */
export async function endLeftSeal(of: { machineId: string; dir: string; clock: Clock }): Promise<void> {
  const helper = await readProcess(of.dir, "seal.pid");
  if (helper === undefined || !(await isAlive(helper))) return;
  const startedMs = of.clock.nowMs();
  try {
    process.kill(helper.pid, "SIGTERM");
  } catch {
    // It has just ended by itself.
  }
  for (let restMs = 1; await isAlive(helper); restMs = Math.min(restMs * 2, 50)) {
    const waitedMs = of.clock.nowMs() - startedMs;
    if (waitedMs > limits.sealStopMs) throw containerFaults.seal_stuck({ machineId: of.machineId, waitedMs });
    await sleep(restMs);
  }
}
