/** Starts a sandbox: reserve a place, have a node start it, write the record and the route, then answer. */
import { randomBytes } from "node:crypto";
import { noteSpawn, type Team } from "@sandlot/db";
import { firstLife, newSandboxId, type RuntimeName, sandboxFaults, sandboxTokens } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import type { SandboxRecord } from "@sandlot/state";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import { endOnNode } from "./end-on-node";
import type { SandboxParts } from "./parts";
import { placeSandbox } from "./place";
import type { StartPlan } from "./plan-start";
import { toNodeConfig, toTimestamp } from "./record";
import { putRoute } from "./route";

/** What is started: everything but where. */
type NewSandbox = {
  readonly team: Team;
  /** All of the record that is known before a node has it. */
  readonly draft: SandboxRecord;
  readonly timeoutMs: number;
  readonly envVars: Readonly<Record<string, string>>;
  /** The node that has the files at hand. */
  readonly prefer?: string;
  readonly runtimes: readonly RuntimeName[];
};

/**
 * Runs to its end whoever hangs up meanwhile: a started sandbox is always recorded, and ends with its time.
 * @throws Fault `sandbox_limit_reached` and those of `placeSandbox`
 */
export async function startSandbox(parts: SandboxParts, plan: StartPlan): Promise<SandboxRecord> {
  const { team, timeoutMs, envVars, runtimes } = plan;
  return await startNew(parts, { team, timeoutMs, envVars, runtimes, draft: draftRecord(parts, plan) });
}

/**
 * Starts a copy of a running sandbox from its checkpoint: all that it is set up with, under an id and with tokens of its own.
 * Its variables are in its memory.
 * @throws as `startSandbox`
 */
export async function startCopy(
  parts: SandboxParts,
  of: { original: SandboxRecord; buildId: string; team: Team; timeoutMs: number },
): Promise<SandboxRecord> {
  const { original, buildId, team, timeoutMs } = of;
  const sandboxId = newSandboxId((sizeBytes) => randomBytes(sizeBytes));
  const tokens = sandboxTokens({ seed: parts.tokenSeed, sandboxId });
  const life = lifeFrom(parts.clock.nowMs(), { team, timeoutMs });
  const draft: SandboxRecord = {
    ...original,
    ...{ sandboxId, buildId, executionId: crypto.randomUUID(), nodeId: "", nodeIp: "", state: "running" },
    ...life,
    ...(original.envdAccessToken !== undefined && { envdAccessToken: tokens.envd }),
    ...(original.trafficAccessToken !== undefined && { trafficAccessToken: tokens.traffic }),
  };
  const runtimes = [original.runtime ?? "container"] as const;
  return await startNew(parts, { team, draft, timeoutMs, envVars: {}, runtimes, prefer: original.nodeId });
}

async function startNew(parts: SandboxParts, of: NewSandbox): Promise<SandboxRecord> {
  const { state, clock, events, local } = parts;
  const { sandboxId, teamId } = of.draft;
  const { concurrentSandboxes: limit } = of.team;
  const beganMs = clock.nowMs();
  const outcome = await state.sandboxes.reserve({ teamId, sandboxId, limit });
  if (outcome !== "reserved") throw sandboxFaults.limit_reached({ limit });
  local.starting.add(sandboxId);
  try {
    const record = await startReserved(parts, of);
    events.sandboxStarted({ ...factsOf(record), templateId: record.templateId, tookMs: clock.nowMs() - beganMs });
    noteSpawn(parts.db, record.templateId).catch((thrown) => events.nodeFailed({ nodeId: "", doing: "count", thrown }));
    return record;
  } catch (thrown) {
    const code = isFault(thrown) ? thrown.code : "internal_server_error";
    events.sandboxStartFailed({ sandboxId, teamId, code, tookMs: clock.nowMs() - beganMs });
    // Nothing more can be done when this fails too: the reservation then ends by itself.
    await state.sandboxes.release({ teamId, sandboxId }).catch(() => undefined);
    throw thrown;
  } finally {
    local.starting.delete(sandboxId);
  }
}

function factsOf({ sandboxId, teamId, nodeId }: SandboxRecord) {
  return { sandboxId, teamId, nodeId };
}

async function startReserved(parts: SandboxParts, of: NewSandbox): Promise<SandboxRecord> {
  const { clock } = parts;
  const { draft, prefer, runtimes } = of;
  const { sandboxId, cpuCount } = draft;
  const tried = new Set<Node>();
  const start = async (node: Node, runtime: RuntimeName): Promise<void> => {
    tried.add(node);
    const { startedAtMs, endsAtMs } = lifeFrom(clock.nowMs(), of);
    const request = {
      sandbox: toNodeConfig({ ...draft, runtime }, of.envVars),
      startTime: toTimestamp(startedAtMs),
      endTime: toTimestamp(endsAtMs),
    };
    await node.sandboxes.create(request, { timeoutMs: limits.startMs });
  };
  try {
    const { node, runtime } = await placeSandbox(parts, { cpuCount, runtimes, start, prefer });
    tried.delete(node);
    // Counted from here, so that booting does not eat into the time that was asked for.
    const record = { ...draft, runtime, nodeId: node.id, nodeIp: node.ip, ...lifeFrom(clock.nowMs(), of) };
    await recordOrEnd(parts, node, record);
    return record;
  } finally {
    // A node that was asked in vain may have started it all the same.
    for (const node of tried) void endOnNode(parts, { node, sandboxId, reason: "orphaned" });
  }
}

/** The sandbox runs, but only what is recorded can be found and ended: without a record it must not stay. */
async function recordOrEnd(parts: SandboxParts, node: Node, record: SandboxRecord): Promise<void> {
  try {
    await putRoute(parts.state, record);
    await parts.state.sandboxes.commit(record);
    parts.expiry.arm(record.endsAtMs);
  } catch (thrown) {
    parts.local.noteEnded(record.executionId);
    await endOnNode(parts, { node, sandboxId: record.sandboxId, reason: "orphaned" });
    throw thrown;
  }
}

function lifeFrom(startedAtMs: number, { timeoutMs, team }: Pick<NewSandbox, "timeoutMs" | "team">) {
  return firstLife({ startedAtMs, timeoutMs, maxLengthHours: team.maxLengthHours });
}

function draftRecord({ tokenSeed, clock }: SandboxParts, plan: StartPlan): SandboxRecord {
  const sandboxId = newSandboxId((sizeBytes) => randomBytes(sizeBytes));
  const { team, template, build, body } = plan;
  const tokens = sandboxTokens({ seed: tokenSeed, sandboxId });
  return {
    sandboxId,
    teamId: team.teamId,
    templateId: template.templateId,
    ...build,
    executionId: crypto.randomUUID(),
    nodeId: "",
    nodeIp: "",
    state: "running",
    ...lifeFrom(clock.nowMs(), plan),
    metadata: body.metadata ?? {},
    allowInternetAccess: body.allow_internet_access ?? null,
    autoPause: body.autoPause ?? false,
    autoPauseMemory: body.autoPauseMemory ?? true,
    autoResume: body.autoResume?.enabled ?? false,
    ...(body.autoResume?.enabled === true && { autoResumeTimeoutMs: plan.timeoutMs }),
    ...(template.alias !== undefined && { alias: template.alias }),
    ...(plan.secure && { envdAccessToken: tokens.envd }),
    ...(!plan.allowPublicTraffic && { trafficAccessToken: tokens.traffic }),
    ...(plan.network !== undefined && { network: plan.network }),
    ...(plan.iam !== undefined && { iam: plan.iam }),
  };
}
