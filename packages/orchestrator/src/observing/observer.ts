/** Measures every live sandbox every few seconds and reads what its daemon wrote. Cheap: a handful of small reads each. */
import { every, Gate } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { LiveSandbox } from "../sandboxes/entries";
import { type LookParts, measure, readOutput, type Watched } from "./look";

export type ObserverParts = LookParts & {
  readonly list: () => readonly LiveSandbox[];
  readonly onError: (thrown: unknown) => void;
  /** Other times than those of `limits`, for tests. */
  readonly pace?: { readonly tickMs: number; readonly firstMs: number; readonly sampleMs: number };
};

const PACE = { tickMs: limits.observeTickMs, firstMs: limits.firstSampleMs, sampleMs: limits.sampleMs };

/** The first sample of a sandbox is there about a second after it is first seen, further ones every `limits.sampleMs`. */
export function startObserver(parts: ObserverParts): AsyncDisposable {
  const { clock, pace = PACE } = parts;
  const watched = new Map<string, Watched>();
  const gate = new Gate(limits.samplesAtOnce);
  const startedMs = clock.nowMs();

  async function look(sandbox: LiveSandbox): Promise<void> {
    const { machineId, machine } = sandbox.guest;
    const found = watched.get(machineId);
    if (found === undefined) {
      const { cpuUsedMicros } = await machine.stats();
      // Of a sandbox taken over from an earlier run, what was written before has been read before.
      const isOld = sandbox.record.startedAtMs < startedMs;
      const outputByte = isOld ? (await machine.readOutput({ fromByte: 0, maxBytes: 0 })).sizeBytes : 0;
      const nowMs = clock.nowMs();
      const linesLeft = limits.guestLinesBurst;
      watched.set(machineId, { dueMs: nowMs + pace.firstMs, cpuUsedMicros, cpuAtMs: nowMs, outputByte, linesLeft });
      return;
    }
    if (clock.nowMs() < found.dueMs) return;
    found.dueMs = clock.nowMs() + pace.sampleMs;
    await measure(sandbox, found, parts);
    await readOutput(sandbox, found, parts);
  }

  /** Looks under way: one at a sandbox that does not answer must not keep others from being looked at. */
  const looking = new Map<string, Promise<void>>();
  const ticker = every(
    pace.tickMs,
    async () => {
      const live = parts.list();
      const ids = new Set(live.map(({ guest }) => guest.machineId));
      for (const machineId of watched.keys()) if (!ids.has(machineId)) watched.delete(machineId);
      for (const sandbox of live) {
        const { machineId } = sandbox.guest;
        if (looking.has(machineId)) continue;
        // One that fails is one that is ending; the next look tells.
        const done = gate.run(() => look(sandbox)).catch(parts.onError);
        looking.set(machineId, done);
        void done.then(() => looking.delete(machineId));
      }
    },
    parts.onError,
  );
  return {
    async [Symbol.asyncDispose]() {
      await ticker[Symbol.asyncDispose]();
      await Promise.all(looking.values());
    },
  };
}
