import type { Guest } from "../guests/guest";
import type { Lifeline } from "../guests/lifeline";
import type { SandboxRecord } from "../journal/journal";

/** A sandbox that runs on this node. */
export type LiveSandbox = {
  readonly guest: Guest;
  readonly lifeline: Lifeline;
  /** Replaced as a whole by Update. */
  record: SandboxRecord;
};

/** What a seal added on the disk. */
export type SealBytes = { readonly disk: number; readonly memory: number };

/** `done` settles when it is live again, or, after a pause that succeeded, gone. */
type Sealing<State extends string> = {
  readonly state: State;
  readonly sandbox: LiveSandbox;
  readonly buildId: string;
  readonly done: Promise<SealBytes>;
  readonly stop: AbortController;
};

export type Entry =
  | { readonly state: "starting"; readonly settled: Promise<unknown>; readonly stop: AbortController }
  | { readonly state: "live"; readonly sandbox: LiveSandbox }
  | Sealing<"pausing">
  | Sealing<"checkpointing">
  /** `gone` resolves once nothing is left: the ending is repeated until it works. Rejects only when the node stops first. */
  | { readonly state: "ending"; readonly gone: Promise<void> };

export type Entries = Map<string, Entry>;
