import type { Ask } from "@sandlot/domain";
import type { FaultKind } from "@sandlot/faults";
import type { SandboxRecord } from "./sandbox-record";

/** The changes of state that a live record can be asked for. Resuming goes through `reserve` and `commit`. */
export type TransitionEvent = Exclude<Ask, "resume">;

/** A failure as those who joined are told it, on whatever replica they wait. */
export type ToldFailure = { readonly code: string; readonly message: string; readonly as?: FaultKind };

/**
 * How a change of state ended. `ended`: the record is gone (paused or killed). `running`: it is back to running.
 * `failed`: what then becomes of the record says `leaves`; without it a pause and a snapshot go `back` to running, a kill stays.
 * `lost`: whoever did it died; only those who joined see this.
 */
export type TransitionOutcome =
  | { readonly kind: "ended" }
  | { readonly kind: "running" }
  | ({
      readonly kind: "failed";
      /** `back`: it runs on. `stay`: nobody knows yet; it stays as it is and falls due again. `gone`: the record is taken away. */
      readonly leaves?: "back" | "stay" | "gone";
    } & ToldFailure)
  | { readonly kind: "lost" };

export type FinishOutcome = Exclude<TransitionOutcome, { kind: "lost" }>;
export type Started = {
  /** The caller does the work and must call `finish` once; until then the transition is kept alive in its name. */
  readonly kind: "started";
  readonly record: SandboxRecord;
  /** @returns false when another caller has taken over since: nothing was changed then */
  finish(outcome: FinishOutcome): Promise<boolean>;
};

export type TransitionStart =
  | Started
  | { readonly kind: "joined"; readonly outcome: Promise<TransitionOutcome> }
  | { readonly kind: "refused"; readonly state: SandboxRecord["state"] }
  | { readonly kind: "missing" };
