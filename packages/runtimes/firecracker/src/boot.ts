/** Brings a laid out machine to life over its API: by a boot, or out of sealed memory. */
import { isFault } from "@sandlot/faults";
import { type Clock, sleep } from "@sandlot/lifetime";
import { type BootPlan, type LoadPlan, planBoot, planLoad, planState } from "./api/boot-requests";
import type { FirecrackerApi } from "./api/client";
import { parseVersion } from "./binaries/versions";
import { firecrackerFaults } from "./faults";
import type { WithAgent } from "./guest";
import { parseConsole, readConsole } from "./jail/vmm-process";
import { limits } from "./limits";

/** Waits for the API and holds the binary against what it was configured as.
 * @throws Fault `firecracker_wrong_version` and those of the API */
export async function openApi(api: FirecrackerApi, wanted: string, signal: AbortSignal): Promise<void> {
  await api.untilReady(signal);
  const { firecracker_version: found } = await api.ask(
    { method: "GET", path: "/version" },
    { phase: "not-started", signal },
  );
  if (found !== wanted) throw firecrackerFaults.wrong_version({ wanted, found: String(found) });
  const version = parseVersion(found);
  if (version !== undefined) api.version = version;
}

export async function bootGuest(api: FirecrackerApi, plan: BootPlan, signal: AbortSignal): Promise<void> {
  for (const request of planBoot(plan)) await api.ask(request, { phase: "not-started", signal });
}

/** Ends with the guest's processor running and all its programs still frozen: nothing of it has run yet. */
export async function loadGuest(
  of: { api: FirecrackerApi; plan: LoadPlan; hasMetadata: boolean },
  signal: AbortSignal,
): Promise<void> {
  const [load, metadata] = planLoad(of.plan);
  await of.api.ask(load, { phase: "not-started", signal, timeoutMs: limits.snapshotMs });
  if (of.hasMetadata) await of.api.ask(metadata, { phase: "paused", signal });
  await of.api.ask(planState("Resumed"), { phase: "paused", signal });
}

/**
 * Waits until the guest's init has started the sandbox.
 * @throws Fault `firecracker_guest_failed` with the guest's own reason, `firecracker_lost` when Firecracker ended
 */
export async function untilGuestRuns(of: {
  machineId: string;
  clock: Clock;
  consolePath: string;
  withAgent: WithAgent;
  hasEnded: () => Promise<boolean>;
  signal: AbortSignal;
}): Promise<void> {
  const { machineId, signal } = of;
  const startedMs = of.clock.nowMs();
  for (let restMs = 5; ; restMs = Math.min(restMs * 2, 100)) {
    signal.throwIfAborted();
    const ended = await of.hasEnded();
    const notices = parseConsole(await readConsole(of.consolePath));
    if (notices.failed !== undefined) throw firecrackerFaults.guest_failed({ machineId, reason: notices.failed });
    if (ended) throw firecrackerFaults.lost({ request: "the boot", reason: await lastWords(of.consolePath) });
    const isUp = await hasSandbox(of);
    if (isUp) return;
    const waitedMs = of.clock.nowMs() - startedMs;
    if (waitedMs > limits.bootMs)
      throw firecrackerFaults.guest_failed({ machineId, reason: `it was silent for ${waitedMs} ms` });
    await sleep(restMs, signal);
  }
}

/** False as long as nobody in the guest answers: it listens only once it is up. */
async function hasSandbox({ withAgent, signal }: { withAgent: WithAgent; signal: AbortSignal }): Promise<boolean> {
  try {
    return await withAgent(async (agent) => agent.hello.hasSandbox, { withinMs: limits.bootLookMs, signal });
  } catch (thrown) {
    signal.throwIfAborted();
    if (!isFault(thrown)) throw thrown;
    return false;
  }
}

/** Of Firecracker or the guest's kernel, for people. */
export async function lastWords(consolePath: string): Promise<string> {
  const text = (await readConsole(consolePath)).trim();
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a guest may write any byte there
  return text === "" ? "it said nothing" : text.slice(-400).replaceAll(/[\u0000-\u001f\u007f]+/g, " ");
}
