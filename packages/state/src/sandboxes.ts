import type { Clock } from "@sandlot/lifetime";
import { stateFaults } from "./faults";
import { dueMember, type Keys, keysOf, parseDueMember } from "./keys";
import type { StateLimits } from "./limits";
import { orAborted, pollUntil, SharedPolls } from "./polling";
import { listTeam, readVersioned } from "./record-reader";
import type { Redis } from "./redis";
import type { SandboxKey, SandboxRecord } from "./sandbox-record";
import type { ReserveOutcome, SandboxStore } from "./sandbox-store";
import { scripts } from "./scripts/index";
import { openTransitions } from "./transitions";

export type StoreParts = { redis: Redis; keyPrefix: string; limits: StateLimits; clock: Clock };

export function openSandboxes(parts: StoreParts): SandboxStore & Disposable {
  const { redis, limits } = parts;
  const keys = keysOf(parts.keyPrefix);
  const transitions = openTransitions({ ...parts, keys });
  const starts = new SharedPolls<true>();
  const read = async (of: SandboxKey) => (await readVersioned(redis, keys, of))?.record;

  return {
    async reserve(of) {
      const outcome = await redis.run(scripts.reserve, {
        keys: [keys.record(of), keys.index(of.teamId), keys.reservations(of.teamId)],
        args: [of.sandboxId, of.limit, limits.reservationMs],
      });
      return outcome as ReserveOutcome;
    },
    async commit(record) {
      await write({ redis, keys, record, as: "commit" });
    },
    adopt: (record) => write({ redis, keys, record, as: "adopt" }),
    async release(of) {
      await redis.send("ZREM", keys.reservations(of.teamId), of.sandboxId);
    },
    async settled(of, signal) {
      const look = async () => {
        const answer = await redis.run(scripts.settled, { keys: [keys.reservations(of.teamId)], args: [of.sandboxId] });
        return answer === 1 ? (true as const) : undefined;
      };
      await orAborted(
        starts.join(dueMember(of), () => pollUntil(look, limits)),
        signal,
      );
      return read(of);
    },

    read,
    async find(sandboxId) {
      const teamId = await redis.send("HGET", keys.owners, sandboxId);
      return typeof teamId === "string" ? read({ teamId, sandboxId }) : undefined;
    },
    list: (teamId) => listTeam(redis, keys, teamId),
    async all() {
      const teams = (await redis.send("SMEMBERS", keys.teams)) as string[];
      return (await Promise.all(teams.map((teamId) => listTeam(redis, keys, teamId)))).flat();
    },
    async count(teamId) {
      const found = await redis.run(scripts.count, { keys: [keys.index(teamId), keys.reservations(teamId)], args: [] });
      return Number(found);
    },

    async update(of, change) {
      for (let tries = 0; tries < limits.updateTries; tries += 1) {
        const found = await readVersioned(redis, keys, of);
        const changed = found && change(found.record);
        if (found === undefined || changed === undefined) return undefined;
        const done = await redis.run(scripts.update, {
          keys: [keys.record(of), keys.expiration, keys.transition(of)],
          args: [found.version, JSON.stringify(changed), changed.endsAtMs, dueMember(of)],
        });
        if (done === 1) return changed;
      }
      throw stateFaults.contended({ sandboxId: of.sandboxId });
    },
    beginTransition: (of) => transitions.begin(of),
    quiet: (of, signal) => transitions.quiet(of, signal),
    async remove(of) {
      const done = await redis.run(scripts.remove, {
        keys: [keys.record(of), keys.transition(of), keys.expiration, keys.index(of.teamId), keys.owners, keys.teams],
        args: [of.executionId, dueMember(of), of.sandboxId, of.teamId],
      });
      return done === 1;
    },

    async expired(nowMs, limit) {
      const range = ["-inf", String(nowMs), "LIMIT", "0", String(limit)];
      const due = (await redis.send("ZRANGEBYSCORE", keys.expiration, ...range)) as string[];
      const found = await Promise.all(due.map((member) => read(parseDueMember(member))));
      return found.filter((record) => record !== undefined);
    },
    async nextExpiryMs() {
      const next = await redis.send("ZRANGE", keys.expiration, "0", "0", "WITHSCORES");
      const score = (next as unknown[]).flat()[1];
      return score === undefined ? undefined : Number(score);
    },
    [Symbol.dispose]: () => transitions[Symbol.dispose](),
  };
}

async function write(of: {
  redis: Redis;
  keys: Keys;
  record: SandboxRecord;
  as: "commit" | "adopt";
}): Promise<boolean> {
  const { keys, record } = of;
  const done = await of.redis.run(scripts.commit, {
    keys: [
      keys.record(record),
      keys.index(record.teamId),
      keys.reservations(record.teamId),
      keys.teams,
      keys.expiration,
      keys.owners,
      keys.transition(record),
    ],
    args: [
      record.sandboxId,
      record.teamId,
      JSON.stringify(record),
      record.executionId,
      record.endsAtMs,
      dueMember(record),
      of.as,
    ],
  });
  return done === 1;
}
