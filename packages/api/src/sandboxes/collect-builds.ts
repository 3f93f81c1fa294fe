/** Has nodes remove the builds of sandboxes that nothing refers to any more: superseded pauses, what was killed while paused, deleted snapshots. */
import { forgetBuild, type LooseBuild, readLooseBuilds } from "@sandlot/db";
import { every } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { SandboxParts } from "./parts";

export type Collector = { look(): void };

/** Layers that other builds or running machines stand on are the nodes' own business: they keep them. */
export function startCollector(
  parts: Pick<SandboxParts, "db" | "state" | "nodes" | "events">,
): Collector & AsyncDisposable {
  const onError = (thrown: unknown): void => parts.events.nodeFailed({ nodeId: "", doing: "collect builds", thrown });
  let running: Promise<void> | undefined;
  let isWanted = false;
  async function rounds(): Promise<void> {
    do {
      isWanted = false;
      await collect(parts);
    } while (isWanted);
  }
  function look(): void {
    isWanted = true;
    running ??= rounds()
      .catch(onError)
      .finally(() => {
        running = undefined;
      });
  }
  const loop = every(
    limits.collectMs,
    async () => look(),
    () => undefined,
  );
  return {
    look,
    async [Symbol.asyncDispose]() {
      await loop[Symbol.asyncDispose]();
      await running;
    },
  };
}

async function collect(parts: Pick<SandboxParts, "db" | "state" | "nodes" | "events">): Promise<void> {
  const loose = await readLooseBuilds(parts.db, limits.collectBatch);
  if (loose.length === 0) return;
  // Copies of a fork run from a build that nothing else refers to.
  const used = new Set((await parts.state.sandboxes.all()).map(({ buildId }) => buildId));
  const byNode = Map.groupBy(
    loose.filter(({ buildId }) => !used.has(buildId)),
    ({ nodeId }) => nodeId ?? "",
  );
  for (const [nodeId, builds] of byNode) await removeOn(parts, nodeId, builds);
}

async function removeOn(
  { db, nodes, events }: Pick<SandboxParts, "db" | "nodes" | "events">,
  nodeId: string,
  builds: readonly LooseBuild[],
): Promise<void> {
  const node = nodes.byId(nodeId);
  if (node === undefined) return; // when it is back
  const buildIds = builds.map(({ buildId }) => buildId);
  try {
    await node.sandboxes.deleteBuilds({ buildIds }, { timeoutMs: limits.deleteBuildsMs });
  } catch (thrown) {
    events.nodeFailed({ nodeId, doing: "delete builds", thrown });
    return;
  }
  for (const buildId of buildIds) await forgetBuild(db, buildId);
}
