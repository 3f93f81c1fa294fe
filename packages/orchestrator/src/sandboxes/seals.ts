import { isFault } from "@sandlot/faults";
import { Gate, sleep, systemClock, unlessAborted } from "@sandlot/lifetime";
import type { NodeEvents } from "../events";
import { nodeFaults } from "../faults";
import { type StageTimes, stopwatch } from "../guests/guest";
import type { GuestEnds } from "../guests/guest-ends";
import type { Journal, SealRecord } from "../journal/journal";
import { limits } from "../limits";
import type { ResumeCache } from "../resume-cache/resume-cache";
import { type SealGuest, type SealParts, sealAsBuild } from "../seals/seal-build";
import { identityOf } from "../seals/sealed-identity";
import type { Entries, LiveSandbox, SealBytes } from "./entries";

export type SealsParts = SealParts & {
  readonly journal: Journal;
  readonly events: NodeEvents;
  readonly ends: GuestEnds;
  readonly cache: ResumeCache;
  /** Resets every connection of a sandbox that has just stopped being found. Must not throw. */
  readonly cutTraffic: (machineId: string) => void;
};

export type SealSandbox = { readonly sandboxId: string; readonly buildId: string; readonly memory: boolean };

/** Pausing and checkpointing of live sandboxes: joinable by build, and nothing is lost by one that fails. */
export class Seals {
  readonly #entries: Entries;
  readonly #gate = new Gate(limits.sealsAtOnce);
  readonly #parts: SealsParts;

  constructor(entries: Entries, parts: SealsParts) {
    this.#entries = entries;
    this.#parts = parts;
  }

  /**
   * Seals the sandbox as a build and takes it off the node; with its memory, the frozen machine stays as a resume cache.
   * Resolves when the build is on the disk. The same again joins, or answers as the first did.
   * @throws Fault `node_sandbox_missing`, `node_killed_while_pausing`, or what sealing throws: the sandbox runs on then
   */
  pause(of: SealSandbox): Promise<SealBytes> {
    return this.#seal(of, "pausing");
  }

  /** Seals the sandbox, memory included, as a build; it runs on. Otherwise as `pause`. */
  checkpoint(of: { sandboxId: string; buildId: string }): Promise<SealBytes> {
    return this.#seal({ ...of, memory: true }, "checkpointing");
  }

  async #seal(of: SealSandbox, state: "pausing" | "checkpointing"): Promise<SealBytes> {
    const { sandboxId, buildId } = of;
    for (;;) {
      const before = this.#parts.journal.readSeal(buildId);
      if (before?.bytes !== undefined && before.sandboxId === sandboxId) return before.bytes;
      const entry = this.#entries.get(sandboxId);
      if (entry === undefined || entry.state === "ending") throw nodeFaults.sandbox_missing({ sandboxId });
      if (entry.state === "live") return await this.#begin(entry.sandbox, of, state);
      if (entry.state === "starting") await entry.settled.catch(() => undefined);
      else if (entry.buildId === buildId) return await entry.done;
      else await entry.done.catch(() => undefined);
    }
  }

  #begin(sandbox: LiveSandbox, of: SealSandbox, state: "pausing" | "checkpointing"): Promise<SealBytes> {
    const stop = new AbortController();
    const done = (async () => {
      await Promise.resolve(); // the entry below is there first
      using _ = systemClock.after(limits.sealMs, () =>
        stop.abort(nodeFaults.seal_too_slow({ waitedMs: limits.sealMs })),
      );
      const work = state === "pausing" ? this.#pause.bind(this) : this.#checkpoint.bind(this);
      return await work(sandbox, of, stop.signal);
    })();
    done.catch(() => undefined); // a caller may have gone
    this.#entries.set(of.sandboxId, { state, sandbox, buildId: of.buildId, done, stop });
    return done;
  }

  async #pause(sandbox: LiveSandbox, of: SealSandbox, signal: AbortSignal): Promise<SealBytes> {
    const { journal, crash, events } = this.#parts;
    const { guest, record } = sandbox;
    const { sandboxId, buildId, memory } = of;
    const times: StageTimes = {};
    const lap = stopwatch(times);
    const seal = recordOf(of);
    let bytes: SealBytes;
    try {
      journal.recordPausing(guest.machineId, seal);
      await crash("pause.journaled");
      const identity = identityOf(record.config);
      const wanted = { guest, buildId, memory, identity, thaw: false, at: "pause", times } as const;
      bytes = await this.#inTurn(wanted, signal);
    } catch (thrown) {
      await this.#undo(sandbox, of, signal, thrown);
      throw signal.aborted ? signal.reason : thrown;
    }
    lap("sealed");
    // It is paused from here on, whatever happens.
    journal.recordPaused(guest.machineId, { ...seal, bytes });
    await crash("pause.noted");
    this.#entries.delete(sandboxId);
    this.#parts.cutTraffic(guest.machineId);
    const kept = memory ? this.#parts.cache.put({ guest, record, buildId }) : this.#parts.ends.end(guest, times);
    await Promise.allSettled([sandbox.lifeline[Symbol.asyncDispose](), kept]);
    await crash("pause.done");
    lap("left");
    events.sandboxPaused({ sandboxId, machineId: guest.machineId, buildId, memory, bytes, times });
    return bytes;
  }

  async #checkpoint(sandbox: LiveSandbox, of: SealSandbox, signal: AbortSignal): Promise<SealBytes> {
    const { journal, crash, events } = this.#parts;
    const { guest, record } = sandbox;
    const { sandboxId, buildId, memory } = of;
    const times: StageTimes = {};
    const seal = recordOf(of);
    try {
      journal.recordSeal(seal);
      await crash("checkpoint.journaled");
      const identity = identityOf(record.config);
      const wanted = { guest, buildId, memory, identity, thaw: true, at: "checkpoint", times } as const;
      const bytes = await this.#inTurn(wanted, signal);
      journal.recordSeal({ ...seal, bytes });
      this.#entries.set(sandboxId, { state: "live", sandbox });
      events.sandboxCheckpointed({ sandboxId, machineId: guest.machineId, buildId, bytes, times });
      return bytes;
    } catch (thrown) {
      await this.#undo(sandbox, of, signal, thrown);
      throw signal.aborted ? signal.reason : thrown;
    }
  }

  /** Until its turn comes it is not frozen. */
  #inTurn(wanted: SealGuest, signal: AbortSignal): Promise<SealBytes> {
    return this.#gate.run(async () => {
      signal.throwIfAborted();
      return await sealAsBuild(this.#parts, wanted, signal);
    });
  }

  /** The sandbox runs on as before. */
  async #undo(sandbox: LiveSandbox, of: SealSandbox, signal: AbortSignal, thrown: unknown): Promise<void> {
    const { journal, events } = this.#parts;
    const { guest } = sandbox;
    journal.setMachineState(guest.machineId, "live");
    journal.forgetSeal(of.buildId);
    await this.#thaw(sandbox, signal);
    this.#entries.set(of.sandboxId, { state: "live", sandbox });
    events.sealFailed({ sandboxId: of.sandboxId, machineId: guest.machineId, buildId: of.buildId, thrown });
  }

  /** One that is to be ended, or has ended, needs no more time to run, and a guest that does not answer must not hold up its end. */
  async #thaw({ guest }: LiveSandbox, signal: AbortSignal): Promise<void> {
    for (let tries = 1; !isOver(signal.reason); tries += 1) {
      const thawed = guest.machine.thaw();
      try {
        return await (signal.aborted ? thawed : unlessAborted(thawed, signal));
      } catch (thrown) {
        if (isOver(thrown)) return;
        this.#parts.events.thawFailed({ machineId: guest.machineId, thrown });
        if (tries >= limits.thawTries) return;
        await sleep(limits.thawRetryMs);
      }
    }
  }
}

function isOver(reason: unknown): boolean {
  return isFault(reason, "node_killed_while_pausing") || isFault(reason, "node_guest_ended");
}

function recordOf(of: SealSandbox): SealRecord {
  return { ...of, bytes: undefined, askedAtMs: Date.now() };
}
