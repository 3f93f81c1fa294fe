import type { CatalogEntry, CatalogStore } from "./catalog-store";
import { keysOf } from "./keys";
import type { Redis } from "./redis";
import { scripts } from "./scripts/index";

/** As stored; the field names are the reference's. Source: behaviour.md §6.2. */
type StoredEntry = {
  readonly orchestrator_id: string;
  readonly orchestrator_ip: string;
  readonly execution_id: string;
  /** RFC 3339 */
  readonly sandbox_started_at: string;
  readonly sandbox_max_length_in_hours: number;
};

export function openCatalog(of: { redis: Redis; keyPrefix: string }): CatalogStore {
  const { redis } = of;
  const keys = keysOf(of.keyPrefix);
  return {
    async put(sandboxId, entry) {
      const lifetimeMs = Math.max(1, Math.ceil(entry.maxLengthHours * 3_600_000));
      await redis.send("SET", keys.catalog(sandboxId), JSON.stringify(toStored(entry)), "PX", String(lifetimeMs));
    },
    async read(sandboxId) {
      const json = await redis.send("GET", keys.catalog(sandboxId));
      return typeof json === "string" ? fromStored(JSON.parse(json) as StoredEntry) : undefined;
    },
    async remove(sandboxId, executionId) {
      return (await redis.run(scripts.removeRoute, { keys: [keys.catalog(sandboxId)], args: [executionId] })) === 1;
    },
  };
}

function toStored(entry: CatalogEntry): StoredEntry {
  return {
    orchestrator_id: entry.orchestratorId,
    orchestrator_ip: entry.orchestratorIp,
    execution_id: entry.executionId,
    sandbox_started_at: new Date(entry.startedAtMs).toISOString(),
    sandbox_max_length_in_hours: entry.maxLengthHours,
  };
}

function fromStored(stored: StoredEntry): CatalogEntry {
  return {
    orchestratorId: stored.orchestrator_id,
    orchestratorIp: stored.orchestrator_ip,
    executionId: stored.execution_id,
    startedAtMs: Date.parse(stored.sandbox_started_at),
    maxLengthHours: stored.sandbox_max_length_in_hours,
  };
}
