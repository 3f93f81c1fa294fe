import type { Keys } from "./keys";
import type { Redis } from "./redis";
import type { SandboxKey, SandboxRecord } from "./sandbox-record";
import { scripts } from "./scripts/index";

/** A record with the version that an atomic write must still find. */
export type Versioned = { readonly record: SandboxRecord; readonly version: string };

export function parseRecord(json: string): SandboxRecord {
  return JSON.parse(json) as SandboxRecord;
}

export async function readVersioned(redis: Redis, keys: Keys, of: SandboxKey): Promise<Versioned | undefined> {
  const [json, version] = (await redis.send("HMGET", keys.record(of), "json", "version")) as (string | null)[];
  if (typeof json !== "string" || typeof version !== "string") return undefined;
  return { record: parseRecord(json), version };
}

export async function listTeam(redis: Redis, keys: Keys, teamId: string): Promise<SandboxRecord[]> {
  const found = await redis.run(scripts.list, { keys: [keys.index(teamId)], args: [keys.records(teamId)] });
  return (found as string[]).map(parseRecord);
}
