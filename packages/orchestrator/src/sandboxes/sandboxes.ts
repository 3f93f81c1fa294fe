import type { SandboxNetworkEgressConfig } from "@sandlot/contracts/orchestrator";
import { Gate, KeyedLock, sleep, systemClock } from "@sandlot/lifetime";
import { nodeFaults } from "../faults";
import { type Guest, type StageTimes, stopwatch } from "../guests/guest";
import type { Lifeline } from "../guests/lifeline";
import type { SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import { attachLifeline, type BringUpParts, bringUp } from "./bring-up";
import { egressPolicyOf, withEgress } from "./egress-policy";
import type { CreateSandbox } from "./parse-create";

/** A sandbox that runs on this node. */
export type LiveSandbox = {
  readonly guest: Guest;
  readonly lifeline: Lifeline;
  /** Replaced as a whole by Update. */
  record: SandboxRecord;
};

type Entry =
  | { readonly state: "starting"; readonly settled: Promise<unknown>; readonly stop: AbortController }
  | { readonly state: "live"; readonly sandbox: LiveSandbox }
  /** `gone` resolves once nothing is left: the ending is repeated until it works. Rejects only when the node stops first. */
  | { readonly state: "ending"; readonly gone: Promise<void> };

export type SandboxesParts = Omit<BringUpParts, "claims"> & {
  /** Resets every connection of a sandbox that has just stopped being found. Must not throw. */
  readonly cutTraffic: (machineId: string) => void;
};

/**
 * The sandboxes of this node: what runs, what is being made and what is being ended. Creating, ending and updating are
 * joinable per sandbox id, and no caller that hangs up undoes half of a change.
 */
export class Sandboxes implements AsyncDisposable {
  readonly #parts: SandboxesParts & BringUpParts;
  readonly #max: number;
  readonly #entries = new Map<string, Entry>();
  readonly #updates = new KeyedLock();
  readonly #tidying = new Set<Promise<void>>();
  readonly #clearings = new Gate(limits.clearingsAtOnce);
  readonly #stop = new AbortController();

  constructor(of: { maxSandboxes: number }, parts: SandboxesParts) {
    this.#max = of.maxSandboxes;
    this.#parts = { ...parts, claims: new Gate(limits.claimsAtOnce) };
  }

  /** Undefined for anything that is not running: starting, ending, unknown. */
  find(sandboxId: string): LiveSandbox | undefined {
    const entry = this.#entries.get(sandboxId);
    return entry?.state === "live" ? entry.sandbox : undefined;
  }

  list(): LiveSandbox[] {
    return [...this.#entries.values()].flatMap((entry) => (entry.state === "live" ? [entry.sandbox] : []));
  }

  get startingCount(): number {
    return [...this.#entries.values()].filter((entry) => entry.state === "starting").length;
  }

  /**
   * Starts a sandbox; resolves when it is ready for use. A second call of the same id joins the first, or finds it live.
   * Takes no signal: the caller may go, the sandbox is still made and listed.
   * @throws Fault `node_full`, `node_start_queue_full`, `node_files_missing`, …; nothing is left then
   */
  async create(wanted: CreateSandbox): Promise<void> {
    const { sandboxId } = wanted.sandbox;
    for (;;) {
      const entry = this.#entries.get(sandboxId);
      if (entry === undefined) break;
      if (entry.state === "live") return;
      if (entry.state === "starting") {
        await entry.settled;
        return;
      }
      await entry.gone.catch(() => undefined);
    }
    if (this.#stop.signal.aborted) throw this.#stop.signal.reason;
    const taken = [...this.#entries.values()].filter((entry) => entry.state !== "ending").length;
    if (taken >= this.#max) throw nodeFaults.full({ limit: this.#max });
    const stop = new AbortController();
    const waitedMs = limits.createMs;
    using _ = systemClock.after(waitedMs, () => stop.abort(nodeFaults.start_too_slow({ waitedMs })));
    const settled = this.#start(wanted, stop.signal);
    this.#entries.set(sandboxId, { state: "starting", settled, stop });
    await settled;
  }

  /** Takes over a sandbox whose machine outlived an earlier run. Its envd is asked who it is before traffic reaches it. */
  adopt(guest: Guest, record: SandboxRecord): void {
    this.#admit(guest, record, true);
    this.#parts.events.sandboxAdopted({ sandboxId: record.sandboxId, machineId: guest.machineId });
  }

  /** Changes expiry, egress, or both. Egress is replaced as a whole. @throws Fault `node_sandbox_missing` */
  async update(
    sandboxId: string,
    change: { endsAtMs: number | undefined; egress: SandboxNetworkEgressConfig | undefined },
  ): Promise<void> {
    await this.#updates.run(sandboxId, async () => {
      const sandbox = this.find(sandboxId);
      if (sandbox === undefined) throw nodeFaults.sandbox_missing({ sandboxId });
      const { endsAtMs = sandbox.record.endsAtMs, egress } = change;
      const config = egress === undefined ? sandbox.record.config : withEgress(sandbox.record.config, egress);
      const policy = egressPolicyOf(config);
      if (egress !== undefined) await this.#parts.slots.applyEgress(sandbox.guest.slot, policy);
      this.#parts.journal.updateSandbox(sandboxId, { config, endsAtMs });
      sandbox.record = { ...sandbox.record, config, endsAtMs };
      this.#parts.events.sandboxUpdated({ sandboxId, endsAtMs, egress: egress !== undefined });
    });
  }

  /**
   * Ends a sandbox; resolves when no process of it is left and its traffic is cut; what its machine held is given back
   * in the background. Joins an ending that is under way; one
   * that is still starting is stopped first. @throws Fault `node_sandbox_missing`
   */
  async end(sandboxId: string, reason: string): Promise<void> {
    const entry = this.#entries.get(sandboxId);
    if (entry === undefined) throw nodeFaults.sandbox_missing({ sandboxId });
    if (entry.state === "ending") return await entry.gone;
    if (entry.state === "live") return await this.#end(entry.sandbox, reason);
    entry.stop.abort(nodeFaults.killed_while_starting({ sandboxId }));
    await entry.settled.catch(() => undefined);
    const sandbox = this.find(sandboxId); // it may have been ready just before the stop reached it
    if (sandbox !== undefined) await this.#end(sandbox, reason);
  }

  /** Ends a guest that carries no sandbox, in the background, however often it takes. */
  discard(guest: Guest): void {
    this.#endUntilGone(guest, {}).catch(() => undefined); // only when the node stops: the next run goes on
  }

  /** Lets go of the sandboxes without ending them: they live on for the next run. Half-made ones are undone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(nodeFaults.draining({ nodeId: "" }));
    const entries = [...this.#entries.values()];
    for (const entry of entries) if (entry.state === "starting") entry.stop.abort(this.#stop.signal.reason);
    await Promise.allSettled(
      entries.map((entry) =>
        entry.state === "starting" ? entry.settled : entry.state === "ending" ? entry.gone : undefined,
      ),
    );
    await Promise.allSettled(this.#tidying);
    await Promise.allSettled(this.list().map((sandbox) => sandbox.lifeline[Symbol.asyncDispose]()));
  }

  async #start({ sandbox, shape }: CreateSandbox, signal: AbortSignal): Promise<void> {
    const { sandboxId, config } = sandbox;
    const times: StageTimes = {};
    try {
      const { guest, from } = await bringUp(
        this.#parts,
        { sandbox, shape, times, discard: this.discard.bind(this) },
        signal,
      );
      this.#admit(guest, sandbox, false);
      this.#parts.events.sandboxStarted({ sandboxId, machineId: guest.machineId, teamId: config.teamId, from, times });
    } catch (thrown) {
      this.#entries.delete(sandboxId);
      this.#parts.events.sandboxStartFailed({ sandboxId, thrown, times });
      throw thrown;
    }
  }

  #admit(guest: Guest, record: SandboxRecord, unsure: boolean): void {
    const sandbox: LiveSandbox = {
      guest,
      record,
      lifeline: attachLifeline(this.#parts, { guest, config: () => sandbox.record.config, unsure }),
    };
    this.#entries.set(record.sandboxId, { state: "live", sandbox });
    void guest.machine.ended.then((end) => {
      if (this.find(record.sandboxId) !== sandbox || this.#stop.signal.aborted) return; // we ended it ourselves
      this.#parts.events.sandboxLost({ sandboxId: record.sandboxId, machineId: guest.machineId, ...end });
      this.#end(sandbox, "machine_ended").catch(() => undefined);
    });
  }

  #end(sandbox: LiveSandbox, reason: string): Promise<void> {
    const { sandboxId } = sandbox.record;
    const { guest } = sandbox;
    const times: StageTimes = {};
    const gone = (async () => {
      // From here on it is not found, so whoever sees the cut and asks again hears that it is gone.
      await Promise.resolve();
      this.#parts.cutTraffic(guest.machineId);
      await Promise.all([sandbox.lifeline[Symbol.asyncDispose](), this.#endUntilGone(guest, times)]);
      this.#entries.delete(sandboxId);
      this.#parts.events.sandboxEnded({ sandboxId, machineId: guest.machineId, reason, times });
    })();
    gone.catch(() => undefined);
    this.#entries.set(sandboxId, { state: "ending", gone });
    return gone;
  }

  /** Resolves when the machine's processes are gone; the rest goes in the background, and the journal forgets it then. */
  async #endUntilGone(guest: Guest, times: StageTimes): Promise<void> {
    const { journal, slots } = this.#parts;
    const lap = stopwatch(times);
    journal.recordEnding(guest.machineId);
    await this.#untilDone(guest, () => guest.machine.kill());
    lap("machine");
    const clear = async (): Promise<void> => {
      await guest.machine.end();
      await slots.release(guest.slot);
      journal.forgetMachine(guest.machineId);
    };
    const tidied = this.#untilDone(guest, () => this.#clearings.run(clear))
      .catch(() => undefined) // only when the node stops: the next run goes on
      .finally(() => this.#tidying.delete(tidied));
    this.#tidying.add(tidied);
  }

  /** Until it works. Throws when the node stops before that; the journal says `ending`, so the next run goes on. */
  async #untilDone(guest: Guest, work: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await work();
      } catch (thrown) {
        if (this.#stop.signal.aborted) throw thrown;
        this.#parts.events.endFailed({ machineId: guest.machineId, thrown });
        await sleep(limits.endRetryMs, this.#stop.signal).catch(() => undefined);
      }
    }
  }
}
