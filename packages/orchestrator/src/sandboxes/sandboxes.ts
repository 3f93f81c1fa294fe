import type { SandboxNetworkEgressConfig } from "@sandlot/contracts/orchestrator";
import { Gate, KeyedLock, sleep, systemClock } from "@sandlot/lifetime";
import type { MachineEnd } from "@sandlot/runtime-contract";
import { nodeFaults } from "../faults";
import type { Guest, StageTimes } from "../guests/guest";
import { applyRules } from "../guests/guest-rules";
import type { SandboxRecord } from "../journal/journal";
import { limits } from "../limits";
import { attachLifeline, type BringUpParts, bringUp, tellAgain } from "./bring-up";
import { egressPolicyOf, hasHeaderRules, withEgress } from "./egress-policy";
import type { Entries, Entry, LiveSandbox, SealBytes } from "./entries";
import type { CreateSandbox } from "./parse-create";
import { type SealSandbox, Seals, type SealsParts } from "./seals";

export type SandboxesParts = Omit<BringUpParts, "claims"> & SealsParts;

/**
 * The sandboxes of this node: what runs, what is being made and what is being ended. Creating, ending and updating are
 * joinable per sandbox id, and no caller that hangs up undoes half of a change.
 */
export class Sandboxes implements AsyncDisposable {
  readonly #parts: SandboxesParts & BringUpParts;
  readonly #max: number;
  readonly #entries: Entries = new Map();
  readonly #seals: Seals;
  readonly #updates = new KeyedLock();
  readonly #stop = new AbortController();

  constructor(of: { maxSandboxes: number }, parts: SandboxesParts) {
    this.#max = of.maxSandboxes;
    this.#parts = { ...parts, claims: new Gate(limits.claimsAtOnce) };
    this.#seals = new Seals(this.#entries, parts);
  }

  /** Undefined for anything that is not running: starting, being paused, ending, unknown. */
  find(sandboxId: string): LiveSandbox | undefined {
    const entry = this.#entries.get(sandboxId);
    return entry?.state === "live" || entry?.state === "checkpointing" ? entry.sandbox : undefined;
  }

  /** As `find`, but of one that is being paused it waits to hear how that ends: what came meanwhile must reach no seal. */
  async reach(sandboxId: string): Promise<LiveSandbox | undefined> {
    const entry = this.#entries.get(sandboxId);
    if (entry?.state === "pausing") {
      const tooLong = new AbortController();
      const settled = entry.done.then(
        () => undefined,
        () => undefined,
      );
      await Promise.race([settled, sleep(limits.pauseHoldMs, tooLong.signal).catch(() => undefined)]);
      tooLong.abort(new Error("no longer waiting"));
    }
    return this.find(sandboxId);
  }

  /** What is here and not ending; one that is being paused may yet run on. */
  list(): LiveSandbox[] {
    return [...this.#entries.values()].flatMap((entry) => ("sandbox" in entry ? [entry.sandbox] : []));
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
      if (entry.state === "live" || entry.state === "checkpointing") return;
      if (entry.state === "starting") {
        await entry.settled;
        return;
      }
      await (entry.state === "pausing" ? entry.done : entry.gone).catch(() => undefined);
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
      const sandbox = await this.reach(sandboxId);
      if (sandbox === undefined) throw nodeFaults.sandbox_missing({ sandboxId });
      const { endsAtMs = sandbox.record.endsAtMs, egress } = change;
      const config = egress === undefined ? sandbox.record.config : withEgress(sandbox.record.config, egress);
      const policy = egressPolicyOf(config);
      if (egress !== undefined) await applyRules(this.#parts.slots, sandbox.guest, policy);
      if (hasHeaderRules(config) && !hasHeaderRules(sandbox.record.config))
        await tellAgain(this.#parts, { guest: sandbox.guest, config, signal: this.#stop.signal });
      this.#parts.journal.updateSandbox(sandboxId, { config, endsAtMs });
      sandbox.record = { ...sandbox.record, config, endsAtMs };
      this.#parts.events.sandboxUpdated({ sandboxId, endsAtMs, egress: egress !== undefined });
    });
  }

  /** As `Seals.pause`. */
  pause(of: SealSandbox): Promise<SealBytes> {
    return this.#seals.pause(of);
  }

  /** As `Seals.checkpoint`. */
  checkpoint(of: { sandboxId: string; buildId: string }): Promise<SealBytes> {
    return this.#seals.checkpoint(of);
  }

  /**
   * Ends a sandbox; resolves when no process of it is left and its traffic is cut; what its machine held is given back
   * in the background. Joins an ending that is under way; one that is still starting or being paused is stopped first, a
   * checkpoint is waited for. @throws Fault `node_sandbox_missing`
   */
  async end(sandboxId: string, reason: string): Promise<void> {
    const first = this.#entries.get(sandboxId);
    if (first === undefined) throw nodeFaults.sandbox_missing({ sandboxId });
    for (;;) {
      const entry = this.#entries.get(sandboxId);
      // Paused, or failed to start, just before the stop reached it: nothing of it runs either way.
      if (entry === undefined) return void this.#parts.claimCached({ sandboxId, buildId: undefined });
      if (entry.state === "ending") return await entry.gone;
      if (entry.state === "live") return await this.#end(entry.sandbox, reason);
      if (entry.state === "starting") entry.stop.abort(nodeFaults.killed_while_starting({ sandboxId }));
      if (entry.state === "pausing") entry.stop.abort(nodeFaults.killed_while_pausing({ sandboxId }));
      await (entry.state === "starting" ? entry.settled : entry.done).catch(() => undefined);
    }
  }

  /**
   * Lets go of the sandboxes without ending them: they live on for the next run. Half-made ones are undone, half-written
   * ones run on.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(nodeFaults.draining({ nodeId: "" }));
    this.#parts.ends.stopRepeating();
    const entries = [...this.#entries.values()];
    for (const entry of entries) if ("stop" in entry) entry.stop.abort(this.#stop.signal.reason);
    await Promise.allSettled(entries.map(settledOf));
    await Promise.allSettled(this.list().map((sandbox) => sandbox.lifeline[Symbol.asyncDispose]()));
  }

  async #start(wanted: CreateSandbox, signal: AbortSignal): Promise<void> {
    const { sandboxId, config } = wanted.sandbox;
    const { ends } = this.#parts;
    const times: StageTimes = {};
    try {
      const { guest, sandbox, from } = await bringUp(
        this.#parts,
        { ...wanted, times, discard: (useless) => ends.discard(useless) },
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
    void guest.machine.ended.then((end) => this.#lost(sandbox, end));
  }

  /** Its machine ended, and we did not ask for it. */
  async #lost(sandbox: LiveSandbox, end: MachineEnd): Promise<void> {
    const { sandboxId } = sandbox.record;
    const entry = this.#entries.get(sandboxId);
    if (entry === undefined || !("sandbox" in entry) || entry.sandbox !== sandbox || this.#stop.signal.aborted) return;
    this.#parts.events.sandboxLost({ sandboxId, machineId: sandbox.guest.machineId, ...end });
    if ("stop" in entry) {
      entry.stop.abort(nodeFaults.guest_ended(end));
      await entry.done.catch(() => undefined);
    }
    // A pause that had all it needed is a pause: what is left of the machine is the cache's to clear away.
    if (this.find(sandboxId) === sandbox) await this.#end(sandbox, "machine_ended").catch(() => undefined);
  }

  #end(sandbox: LiveSandbox, reason: string): Promise<void> {
    const { sandboxId } = sandbox.record;
    const { guest } = sandbox;
    const times: StageTimes = {};
    const gone = (async () => {
      // From here on it is not found, so whoever sees the cut and asks again hears that it is gone.
      await Promise.resolve();
      this.#parts.cutTraffic(guest.machineId);
      await Promise.all([sandbox.lifeline[Symbol.asyncDispose](), this.#parts.ends.end(guest, times)]);
      this.#entries.delete(sandboxId);
      this.#parts.events.sandboxEnded({ sandboxId, machineId: guest.machineId, reason, times });
    })();
    gone.catch(() => undefined);
    this.#entries.set(sandboxId, { state: "ending", gone });
    return gone;
  }
}

/** Undefined for one that nothing is being done to. */
function settledOf(entry: Entry): Promise<unknown> | undefined {
  if (entry.state === "starting") return entry.settled;
  if (entry.state === "ending") return entry.gone;
  return entry.state === "live" ? undefined : entry.done;
}
