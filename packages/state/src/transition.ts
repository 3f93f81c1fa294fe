import type { SandboxState } from "@sandlot/domain";
import type { SandboxRecord } from "./sandbox-record";

/** The changes of state that a live record can be asked for. Resuming goes through `reserve` and `commit`. */
export type TransitionEvent = "pause" | "kill" | "snapshot";

/**
 * How a change of state ended. `ended`: the record is gone (paused or killed). `running`: it is back to running.
 * `failed`: pause and snapshot fall back to running; a failed kill stays killing and falls due again.
 * `lost`: whoever did it died; only those who joined see this.
 */
export type TransitionOutcome =
  | { readonly kind: "ended" }
  | { readonly kind: "running" }
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "lost" };

export type TransitionStart =
  | {
      /** The caller does the work and must call `finish` once; until then the transition is kept alive in its name. */
      readonly kind: "started";
      readonly record: SandboxRecord;
      /** @returns false when another caller has taken over since: nothing was changed then */
      finish(outcome: Exclude<TransitionOutcome, { kind: "lost" }>): Promise<boolean>;
    }
  | { readonly kind: "joined"; readonly outcome: Promise<TransitionOutcome> }
  | { readonly kind: "refused"; readonly state: SandboxState }
  | { readonly kind: "missing" };
