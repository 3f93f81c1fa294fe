/** Brings what builders say of their builds to the database: log lines as they come, then how it ended. */

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { TemplateBuildState, type TemplateBuildStatusResponse } from "@sandlot/contracts/template";
import {
  addBuildEntries,
  type BuildLogEntry,
  countBuildEntries,
  type Database,
  failWaitingBuilds,
  forgetBuildEntries,
  LOG_LEVELS,
  markBuildFailed,
  markBuildFinished,
  readStartedBuilds,
  readUnfinishedBuilds,
  type UnfinishedBuild,
} from "@sandlot/db";
import { isRuntimeName } from "@sandlot/domain";
import { every, sleep } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { limits } from "../limits";
import type { Node } from "../nodes/node";
import type { NodeRegistry } from "../nodes/registry";

export type BuildWatch = AsyncDisposable & {
  /** Has the build followed from now on; others are found by themselves. */
  follow(build: FollowedBuild): void;
  /** Fails it and has its builder stop, wherever it stands. @returns false when it had ended before */
  cancel(build: UnfinishedBuild, why: string): Promise<boolean>;
};

export type FollowedBuild = {
  readonly buildId: string;
  readonly templateId: string;
  readonly nodeId: string | undefined;
  readonly startedAtMs: number;
};

export const TOO_LONG_WAITING = "build is in waiting state for too long";
const LOST = "The build was lost because its builder was restarted. Start the build again.";
const SILENT = "The build's node does not answer any more. Start the build again.";

type Parts = { readonly db: Database; readonly nodes: NodeRegistry; readonly logger: Logger };

/** Any number of replicas may follow one build: what is told twice is kept once. */
export function startBuildWatch(parts: Parts): BuildWatch {
  const stop = new AbortController();
  const followed = new Map<string, Promise<void>>();
  const onError = (thrown: unknown): void => parts.logger.warn("builds could not be looked at", { thrown });
  function follow(build: FollowedBuild): void {
    if (followed.has(build.buildId) || stop.signal.aborted) return;
    const following = followToEnd(parts, build, stop.signal)
      .catch((thrown) => {
        if (!stop.signal.aborted) parts.logger.warn("a build could not be followed", { ...build, thrown });
      })
      .finally(() => followed.delete(build.buildId));
    followed.set(build.buildId, following);
  }
  const looks = every(
    limits.buildLookMs,
    async () => {
      for (const build of await readStartedBuilds(parts.db)) follow(build);
      const afterSeconds = limits.buildWaitingMs / 1000;
      await failWaitingBuilds(parts.db, { afterSeconds, message: TOO_LONG_WAITING });
    },
    onError,
  );
  const trims = every(limits.rollMs, () => forgetBuildEntries(parts.db, limits.buildLogDays), onError);
  return {
    follow,
    async cancel({ buildId, templateId, nodeId, isStarted }, why) {
      const wasEnded = !(await markBuildFailed(parts.db, { buildId, reason: { message: why, step: "" } }));
      const node = nodeId === undefined ? undefined : parts.nodes.byId(nodeId);
      if (isStarted && !wasEnded && node !== undefined) {
        // The builder ends what it has on its host; the answer to the user does not wait for that.
        endOnNode(node, { templateId, buildId, why }).catch((thrown) =>
          parts.logger.warn("a builder could not be told to stop", { buildId, nodeId, thrown }),
        );
      }
      return !wasEnded;
    },
    async [Symbol.asyncDispose]() {
      stop.abort(new Error("stopped"));
      await looks[Symbol.asyncDispose]();
      await trims[Symbol.asyncDispose]();
      await Promise.all(followed.values());
    },
  };
}

/** Stops a build, and removes what it may have committed in the moment before. */
export async function endOnNode(node: Node, of: { templateId: string; buildId: string; why: string }): Promise<void> {
  await node.templates.templateBuildDelete(of, { timeoutMs: limits.buildCancelMs });
  await node.sandboxes.deleteBuilds({ buildIds: [of.buildId] }, { timeoutMs: limits.endMs });
}

/** All of a team's or a template's; how many were cancelled. */
export async function cancelAll(
  parts: { readonly db: Database; readonly builds: BuildWatch },
  of: { which: { teamId: string } | { templateId: string }; why: string; except?: string; onlyStarted?: boolean },
): Promise<{ cancelled: number; failed: number }> {
  const unfinished = await readUnfinishedBuilds(parts.db, of.which);
  const wanted = unfinished.filter(
    ({ buildId, isStarted }) => buildId !== of.except && (of.onlyStarted !== true || isStarted),
  );
  const outcomes = await Promise.allSettled(wanted.map((build) => parts.builds.cancel(build, of.why)));
  return {
    cancelled: outcomes.filter((one) => one.status === "fulfilled" && one.value).length,
    failed: outcomes.filter((one) => one.status === "rejected").length,
  };
}

async function followToEnd({ db, nodes }: Parts, build: FollowedBuild, signal: AbortSignal): Promise<void> {
  const { buildId, templateId } = build;
  let offset = await countBuildEntries(db, buildId);
  let answeredAtMs = Date.now();
  const fail = (message: string) => markBuildFailed(db, { buildId, reason: { message, step: "" } });
  for (;;) {
    const node = build.nodeId === undefined ? undefined : nodes.byId(build.nodeId);
    const wanted = { templateId, buildId, offset, limit: limits.buildEntriesAtOnce, waitMs: limits.buildPollMs };
    let answer: TemplateBuildStatusResponse | undefined;
    try {
      answer = await node?.templates.templateBuildStatus(wanted, { signal, timeoutMs: limits.buildPollMs * 2 });
    } catch (thrown) {
      signal.throwIfAborted();
      // A moment for the start that is on its way there.
      const isOld = Date.now() - build.startedAtMs > limits.buildStartGraceMs;
      if (ConnectError.from(thrown).code === Code.NotFound && isOld) {
        const wasMine = await fail(LOST);
        if (wasMine && node !== undefined) await endOnNode(node, { templateId, buildId, why: LOST });
        return;
      }
    }
    if (answer === undefined) {
      if (Date.now() - answeredAtMs > limits.builderSilentMs) return void (await fail(SILENT));
      await sleep(limits.buildRetryMs, signal);
      continue;
    }
    answeredAtMs = Date.now();
    const entries = answer.logEntries.map(toEntry);
    await addBuildEntries(db, { buildId, from: offset, entries });
    offset += entries.length;
    const hasMore = entries.length >= limits.buildEntriesAtOnce;
    if (answer.status !== TemplateBuildState.Building && !hasMore) return settle(db, buildId, answer);
    if (!(await isStillWanted(db, build))) return;
  }
}

/** It may have been cancelled here meanwhile; its builder is told by who cancels. */
async function isStillWanted(db: Database, { templateId, buildId }: FollowedBuild): Promise<boolean> {
  return (await readUnfinishedBuilds(db, { templateId })).some((one) => one.buildId === buildId);
}

async function settle(db: Database, buildId: string, answer: TemplateBuildStatusResponse): Promise<void> {
  const { metadata, reason } = answer;
  if (answer.status === TemplateBuildState.Completed && metadata !== undefined) {
    const { envdVersion, rootfsSizeBytes, memoryBytes, kernelVersion } = metadata;
    const named = metadata.runtimes.filter((name) => isRuntimeName(name));
    // A builder of before there was a choice names none.
    const runtimes = named.length === 0 ? (["container"] as const) : named;
    const sizes = { diskBytes: Number(rootfsSizeBytes), memoryBytes: Number(memoryBytes) };
    await markBuildFinished(db, { buildId, envdVersion, ...sizes, runtimes, kernelVersion });
    return;
  }
  const said = { message: reason?.message ?? "the builder gave no reason", step: reason?.step ?? "" };
  await markBuildFailed(db, { buildId, reason: said });
}

function toEntry(sent: TemplateBuildStatusResponse["logEntries"][number]): BuildLogEntry {
  const level = LOG_LEVELS.find((known) => known === sent.level) ?? "info";
  const atMs = sent.timestamp === undefined ? Date.now() : timestampMs(sent.timestamp);
  return { atMs, level, step: sent.step, message: sent.message };
}
