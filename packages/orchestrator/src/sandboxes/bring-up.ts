import type { SandboxConfig } from "@sandlot/contracts/orchestrator";
import { type Gate, sleep } from "@sandlot/lifetime";
import type { NodeEvents } from "../events";
import { hasIdentity, initEnvd } from "../guests/envd-door";
import { type Guest, type GuestParts, type StageTimes, stopwatch } from "../guests/guest";
import { type GuestDefaults, initBodyFor } from "../guests/init-body";
import { Lifeline } from "../guests/lifeline";
import type { SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import { egressPolicyOf, isOpen } from "./egress-policy";
import type { CreateSandbox } from "./parse-create";

export type BringUpParts = GuestParts & {
  readonly events: NodeEvents;
  readonly defaults: GuestDefaults;
  /** Few at once: all together would only make the first wait for the last. */
  readonly claims: Gate;
  /** A warm machine of that shape, or undefined; perhaps frozen, and the caller's from then on. */
  readonly claimWarm: (shape: CreateSandbox["shape"]) => Promise<Guest | undefined>;
  /** A cold start in its turn. */
  readonly startCold: (shape: CreateSandbox["shape"], times: StageTimes, signal: AbortSignal) => Promise<Guest>;
};

type BringUp = CreateSandbox & {
  readonly times: StageTimes;
  /** Takes a guest that did not become a sandbox. */
  readonly discard: (guest: Guest) => void;
};

/**
 * A guest that carries the sandbox: claimed warm if one is there and works, else started. A warm machine that turns
 * out dead or dumb is discarded and the next is tried, so it costs time and never an error.
 * @throws what the cold start or the giving of identity throws; nothing of it stays
 */
export async function bringUp(
  parts: BringUpParts,
  of: BringUp,
  signal: AbortSignal,
): Promise<{ guest: Guest; from: "warm" | "cold" }> {
  for (;;) {
    signal.throwIfAborted();
    const warm = await parts.claimWarm(of.shape);
    if (warm === undefined) break;
    try {
      await parts.claims.run(() => giveTo(parts, { ...of, guest: warm }, signal));
      return { guest: warm, from: "warm" };
    } catch (thrown) {
      of.discard(warm);
      if (signal.aborted) throw thrown;
      parts.events.warmDropped({ machineId: warm.machineId, why: `could not be given to a sandbox: ${thrown}` });
    }
  }
  await letClaimsPass(parts.claims, signal);
  const guest = await parts.startCold(of.shape, of.times, signal);
  try {
    await giveTo(parts, { ...of, guest }, signal);
    return { guest, from: "cold" };
  } catch (thrown) {
    of.discard(guest);
    throw thrown;
  }
}

/** A cold start takes the processor of ten claims: in a burst, those whose machine is ready go first. */
async function letClaimsPass(claims: Gate, signal: AbortSignal): Promise<void> {
  const untilMs = Date.now() + limits.coldYieldMs;
  while (claims.waitingCount > 0 && Date.now() < untilMs) await sleep(limits.coldYieldLookMs, signal);
}

/** Binds a ready guest to its sandbox: journal, thaw, rules, identity. In this order, so no step runs unknown or open. */
async function giveTo(
  parts: BringUpParts,
  of: { guest: Guest; sandbox: SandboxRecord; times: StageTimes },
  signal: AbortSignal,
): Promise<void> {
  const { guest, sandbox, times } = of;
  const lap = stopwatch(times);
  parts.journal.recordSandbox(guest.machineId, sandbox);
  lap("journal");
  const policy = egressPolicyOf(sandbox.config);
  await Promise.all([guest.machine.thaw(), isOpen(policy) ? undefined : parts.slots.applyEgress(guest.slot, policy)]);
  lap("thawAndEgress");
  const { attempts } = await initEnvd({
    address: guest.machine.address,
    body: bodyOf(parts, guest, sandbox.config),
    signal,
  });
  lap("init");
  if (attempts > 1) times.initAttempts = attempts;
  parts.journal.setMachineState(guest.machineId, "live");
}

/** Watches over the sandbox's envd. `config` is asked each time, since an update may have replaced it. */
export function attachLifeline(
  parts: Pick<BringUpParts, "events" | "defaults">,
  of: { guest: Guest; config: () => SandboxConfig; unsure: boolean },
): Lifeline {
  const { guest, config } = of;
  const { address } = guest.machine;
  return new Lifeline(
    {
      address,
      hasIdentity: (signal) => {
        const { sandboxId, envdAccessToken } = config();
        return hasIdentity({ address, sandboxId, accessToken: envdAccessToken, signal });
      },
      restoreIdentity: async (signal) => {
        await initEnvd({ address, body: () => bodyOf(parts, guest, config())(), signal });
      },
      onRestored: (downMs) => parts.events.envdRestored({ sandboxId: config().sandboxId, downMs }),
    },
    of.unsure,
  );
}

function bodyOf(parts: Pick<BringUpParts, "defaults">, guest: Guest, config: SandboxConfig) {
  const { defaultUser, defaultWorkdir } = guest;
  return () => initBodyFor({ config, defaults: parts.defaults, defaultUser, defaultWorkdir, nowMs: Date.now() });
}
