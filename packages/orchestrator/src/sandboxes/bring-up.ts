import type { SandboxConfig } from "@sandlot/contracts/orchestrator";
import { type Gate, sleep } from "@sandlot/lifetime";
import type { NodeEvents, StartedFrom } from "../events";
import { nodeFaults } from "../faults";
import { hasIdentity, initEnvd } from "../guests/envd-door";
import { type Guest, type GuestParts, type StageTimes, type StartGuest, stopwatch } from "../guests/guest";
import { applyRules } from "../guests/guest-rules";
import { type GuestDefaults, initBodyFor, metadataFor } from "../guests/init-body";
import { Lifeline } from "../guests/lifeline";
import type { SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import type { CachedSandbox } from "../resume-cache/resume-cache";
import { identityOf, type SealedIdentity } from "../seals/sealed-identity";
import { egressPolicyOf } from "./egress-policy";
import type { CreateSandbox } from "./parse-create";

export type BringUpParts = GuestParts & {
  readonly events: NodeEvents;
  readonly defaults: GuestDefaults;
  /** Few at once: all together would only make the first wait for the last. */
  readonly claims: Gate;
  /** A warm machine of that shape, or undefined; perhaps frozen, and the caller's from then on. */
  readonly claimWarm: (shape: CreateSandbox["shape"]) => Promise<Guest | undefined>;
  /** The frozen machine of this very sandbox in this very state, the caller's from then on; no older one is left. */
  readonly claimCached: (of: { sandboxId: string; buildId: string | undefined }) => CachedSandbox | undefined;
  /** A start in its turn: from the build's memory, else a boot. */
  readonly startGuest: (of: StartGuest, signal: AbortSignal) => Promise<Guest>;
};

type BringUp = CreateSandbox & {
  readonly times: StageTimes;
  /** Takes a guest that did not become a sandbox. */
  readonly discard: (guest: Guest) => void;
};

export type BroughtUp = { readonly guest: Guest; readonly sandbox: SandboxRecord; readonly from: StartedFrom };

/**
 * A guest that carries the sandbox: its own, thawed, if it was paused here; claimed warm if one is there and works; else
 * started. A machine that waited here and turns out dead or dumb is discarded and the next way is tried, so it costs time
 * and never an error. Memory that cannot be restored is one: nothing boots in its place.
 * @throws what the start or the giving of identity throws; nothing of it stays
 */
export async function bringUp(parts: BringUpParts, of: BringUp, signal: AbortSignal): Promise<BroughtUp> {
  const ready = (await fromCache(parts, of, signal)) ?? (of.isResume ? undefined : await fromWarm(parts, of, signal));
  if (ready !== undefined) return ready;
  await letClaimsPass(parts.claims, signal);
  const { shape, times, filesystemBoot } = of;
  const policy = egressPolicyOf(of.sandbox.config);
  const guest = await parts.startGuest(
    {
      shape,
      times,
      filesystemBoot,
      identity: of.isResume ? "keep" : "new",
      policy: { booted: policy, restored: policy },
    },
    signal,
  );
  try {
    const sandbox = await giveTo(parts, { ...of, guest, way: "restore" }, signal);
    return { guest, sandbox, from: guest.sealed === undefined ? "cold" : "memory" };
  } catch (thrown) {
    of.discard(guest);
    throw thrown;
  }
}

/** The machine on which it was paused, if that was here and as this build. */
async function fromCache(parts: BringUpParts, of: BringUp, signal: AbortSignal): Promise<BroughtUp | undefined> {
  const { sandboxId } = of.sandbox;
  const wanted = of.isResume && !of.filesystemBoot ? of.shape.buildId : undefined;
  const cached = parts.claimCached({ sandboxId, buildId: wanted });
  if (cached === undefined) return undefined;
  await parts.crash("resume.claimed");
  const guest: Guest = { ...cached.guest, sealed: identityOf(cached.record.config) };
  try {
    const sandbox = await parts.claims.run(() => giveTo(parts, { ...of, guest, way: "resume" }, signal));
    return { guest, sandbox, from: "cache" };
  } catch (thrown) {
    of.discard(guest);
    if (signal.aborted) throw thrown;
    parts.events.cachedDropped({ sandboxId, machineId: guest.machineId, why: `could not be resumed: ${thrown}` });
    return undefined;
  }
}

async function fromWarm(parts: BringUpParts, of: BringUp, signal: AbortSignal): Promise<BroughtUp | undefined> {
  if (of.filesystemBoot) return undefined;
  for (;;) {
    signal.throwIfAborted();
    const guest = await parts.claimWarm(of.shape);
    if (guest === undefined) return undefined;
    try {
      const sandbox = await parts.claims.run(() => giveTo(parts, { ...of, guest, way: "warm" }, signal));
      return { guest, sandbox, from: "warm" };
    } catch (thrown) {
      of.discard(guest);
      if (signal.aborted) throw thrown;
      parts.events.warmDropped({ machineId: guest.machineId, why: `could not be given to a sandbox: ${thrown}` });
    }
  }
}

/** A cold start takes the processor of ten claims: in a burst, those whose machine is ready go first. */
async function letClaimsPass(claims: Gate, signal: AbortSignal): Promise<void> {
  const untilMs = Date.now() + limits.coldYieldMs;
  while (claims.waitingCount > 0 && Date.now() < untilMs) await sleep(limits.coldYieldLookMs, signal);
}

/**
 * Binds a ready guest to its sandbox: journal, rules, thaw, identity. In this order, so no step runs unknown or open.
 * @returns the sandbox as it now is: with the variables that its memory brought along
 */
async function giveTo(
  parts: BringUpParts,
  of: { guest: Guest; sandbox: SandboxRecord; times: StageTimes; way: "warm" | "resume" | "restore" },
  signal: AbortSignal,
): Promise<SandboxRecord> {
  const { guest, times } = of;
  const { address } = guest.machine;
  const sandbox = withSealedEnvs(of.sandbox, guest.sealed);
  const lap = stopwatch(times);
  const step = async (at: "bound" | "thawed" | "identified"): Promise<void> => {
    if (of.way === "resume") await parts.crash(`resume.${at}`);
    else if (guest.sealed !== undefined && at !== "thawed") await parts.crash(`restore.${at}`);
  };
  parts.journal.recordSandbox(guest.machineId, sandbox);
  await step("bound");
  lap("journal");
  await applyRules(parts.slots, guest, egressPolicyOf(sandbox.config));
  await guest.machine.setMetadata?.(metadataFor(sandbox.config));
  await guest.machine.thaw();
  await step("thawed");
  lap("thawAndEgress");
  const keepEnvVars = sandbox !== of.sandbox;
  const body = () => initBodyFor({ ...bodyParts(parts, guest, sandbox.config), keepEnvVars, nowMs: Date.now() });
  const installedToken = guest.sealed?.accessToken;
  const { attempts } = await initEnvd({ address, body, installedToken, isVirtual: isVirtual(guest), signal });
  // An envd ignores what is older than its last init: restored where the clock is behind, it would stay who it was.
  if (guest.sealed !== undefined && of.way !== "resume") await requireIdentity(guest, sandbox, signal);
  await step("identified");
  lap("init");
  if (attempts > 1) times.initAttempts = attempts;
  parts.journal.setMachineState(guest.machineId, "live");
  return sandbox;
}

/** Who resumes or forks a sandbox says nothing of its variables: they are what they were. */
function withSealedEnvs(sandbox: SandboxRecord, sealed: SealedIdentity | undefined): SandboxRecord {
  if (sealed === undefined || Object.keys(sandbox.config.envVars).length > 0) return sandbox;
  return { ...sandbox, config: { ...sandbox.config, envVars: { ...sealed.envVars } } };
}

/** @throws Fault `node_identity_not_taken` */
async function requireIdentity(guest: Guest, { sandboxId, config }: SandboxRecord, signal: AbortSignal): Promise<void> {
  const { accessToken } = identityOf(config);
  if (
    !(await hasIdentity({
      address: guest.machine.address,
      sandboxId,
      accessToken,
      isVirtual: isVirtual(guest),
      signal,
    }))
  )
    throw nodeFaults.identity_not_taken({ sandboxId });
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
        return hasIdentity({ address, sandboxId, accessToken: envdAccessToken, isVirtual: isVirtual(guest), signal });
      },
      restoreIdentity: async (signal) => {
        const body = () => bodyOf(parts, guest, config())();
        await initEnvd({ address, body, isVirtual: isVirtual(guest), signal });
      },
      onRestored: (downMs) => parts.events.envdRestored({ sandboxId: config().sandboxId, downMs }),
    },
    of.unsure,
  );
}

/** Tells a live sandbox's envd again who it is: how it learns of an authority that it must trust from now on. */
export async function tellAgain(
  parts: Pick<BringUpParts, "defaults">,
  of: { guest: Guest; config: SandboxConfig; signal: AbortSignal },
): Promise<void> {
  const { guest, config, signal } = of;
  await initEnvd({ address: guest.machine.address, body: bodyOf(parts, guest, config), signal });
}

function isVirtual({ shape }: Guest): boolean {
  return shape.runtime !== "container";
}

function bodyOf(parts: Pick<BringUpParts, "defaults">, guest: Guest, config: SandboxConfig) {
  return () => initBodyFor({ ...bodyParts(parts, guest, config), nowMs: Date.now() });
}

function bodyParts({ defaults }: Pick<BringUpParts, "defaults">, { origin }: Guest, config: SandboxConfig) {
  return { config, defaults, defaultUser: origin.user, defaultWorkdir: origin.workdir };
}
