/** A command is data: what it is called, what it takes, and what it does. It returns its exit code. */

export type FlagSpec =
  | { readonly kind: "text"; readonly help: string; readonly sample: string; readonly fallback?: string }
  | { readonly kind: "whole"; readonly help: string; readonly sample: string; readonly fallback?: number }
  | { readonly kind: "switch"; readonly help: string };

type FlagValue<F extends FlagSpec> = F["kind"] extends "switch"
  ? boolean
  : F extends { kind: "text" }
    ? F extends { fallback: string }
      ? string
      : string | undefined
    : F extends { fallback: number }
      ? number
      : number | undefined;

export type FlagSpecs = Readonly<Record<string, FlagSpec>>;
export type FlagValues<T extends FlagSpecs> = { readonly [K in keyof T]: FlagValue<T[K]> };

export type Io = { out(text: string): void; err(text: string): void };

/** Ctrl-C once asks to stop, twice insists. `reason` of `first` is an Interrupted. */
export type Interrupts = { readonly first: AbortSignal; readonly second: AbortSignal };

export class Interrupted extends Error {
  override readonly name = "Interrupted";
  readonly signal: NodeJS.Signals;
  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`);
    this.signal = signal;
  }
}

export type ArgSpec = {
  readonly name: string;
  readonly help: string;
  readonly isRequired?: boolean;
  /** Takes all words that follow, also those that look like flags: the command line of another program. */
  readonly isRest?: boolean;
};

export type CommandSpec = {
  /** One word, or a group and a word: `sandbox ls`. */
  readonly name: string;
  readonly summary: string;
  /** Shown below the summary by --help. */
  readonly details?: string;
  readonly isHidden?: boolean;
  readonly args?: readonly ArgSpec[];
  readonly flags: FlagSpecs;
  run(of: RunOf<FlagSpecs>): Promise<number>;
};

export type RunOf<T extends FlagSpecs> = {
  readonly flags: FlagValues<T>;
  readonly rest: readonly string[];
  readonly io: Io;
  readonly interrupts: Interrupts;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** Ties a command's run to the types of its own flags. */
export function command<const T extends FlagSpecs>(
  spec: Omit<CommandSpec, "flags" | "run"> & { readonly flags: T; run(of: RunOf<T>): Promise<number> },
): CommandSpec {
  return spec as unknown as CommandSpec;
}
