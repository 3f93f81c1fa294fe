import type { SandboxKey, SandboxRecord } from "./sandbox-record";
import type { TransitionEvent, TransitionStart } from "./transition";

/**
 * `reserved`: the caller may start the sandbox and must `commit` or `release`.
 * `in_flight`: somebody else is starting this very sandbox; wait with `settled`.
 * `exists`: it runs already. `limit_reached`: the team has as many as it may.
 */
export type ReserveOutcome = "reserved" | "limit_reached" | "in_flight" | "exists";

/**
 * The running sandboxes of all teams. Every method may throw Fault `state_unavailable` when Redis does not
 * answer within `limits.commandMs`; whether a write took effect is then unknown.
 */
export type SandboxStore = {
  /** Holds one place under the team's limit for `limits.reservationMs`, so that a dead api frees it again. */
  reserve(of: SandboxKey & { limit: number }): Promise<ReserveOutcome>;
  /** Turns the reservation into the record: team index, owner and end time included, in one step. */
  commit(record: SandboxRecord): Promise<void>;
  /** As `commit`, but only where there is neither record nor reservation: to rebuild a lost Redis from a node. */
  adopt(record: SandboxRecord): Promise<boolean>;
  /** Gives the reservation back. Nothing happens when there is none. */
  release(of: SandboxKey): Promise<void>;
  /** Waits until nobody is starting the sandbox any more; the record if it runs then. */
  settled(of: SandboxKey, signal?: AbortSignal): Promise<SandboxRecord | undefined>;

  read(of: SandboxKey): Promise<SandboxRecord | undefined>;
  /** Whoever's it is. For callers that have checked, or will check, what the asker may see. */
  find(sandboxId: string): Promise<SandboxRecord | undefined>;
  list(teamId: string): Promise<SandboxRecord[]>;
  all(): Promise<SandboxRecord[]>;
  /** Records and reservations of a team: what its limit is compared with. */
  count(teamId: string): Promise<number>;

  /**
   * Changes a record atomically. `change` is pure, sees the newest record and may run several times; undefined leaves all as it is.
   * @returns the record now stored; undefined when there is none or `change` said undefined
   */
  update(
    of: SandboxKey,
    change: (record: SandboxRecord) => SandboxRecord | undefined,
  ): Promise<SandboxRecord | undefined>;

  /**
   * Begins, joins or is refused a change of state, as `judge` of domain says: the same event again joins; a pause or kill
   * during a snapshot, and a kill during a pause, wait for it and then begin (a kill waits at most `limits.killWaitMs`, then
   * takes over).
   * @throws the signal's reason when it aborts while waiting
   */
  beginTransition(of: SandboxKey & { event: TransitionEvent; signal?: AbortSignal }): Promise<TransitionStart>;

  /**
   * Waits until no change of state is under way; the record as it stands then, which may be one whose owner has died.
   * @throws the signal's reason when it aborts first; the waiting itself is shared and ends with the transition
   */
  quiet(of: SandboxKey, signal?: AbortSignal): Promise<SandboxRecord | undefined>;

  /** Takes the record away if it still is that execution. @returns whether it did */
  remove(of: SandboxKey & { executionId: string }): Promise<boolean>;
  /** Records due at `nowMs`, the most overdue first. One in transition is due again only when its owner has died. */
  expired(nowMs: number, limit: number): Promise<SandboxRecord[]>;
  /** When the next record falls due; undefined when there is none. */
  nextExpiryMs(): Promise<number | undefined>;
};
