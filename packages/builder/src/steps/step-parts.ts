/** What every kind of step works with, and what it leaves. */
import type { StepContext } from "../recipe";

export type StepParts = {
  /** Of the machine it runs in. */
  readonly address: string;
  readonly context: StepContext;
  readonly signal: AbortSignal;
  /** One line of a command's output, for the build's log. */
  readonly output: (line: string, from: "stdout" | "stderr") => void;
};

export type StepDone = {
  readonly context: StepContext;
  /** False when nothing on the disk is new: no layer is made of it then. */
  readonly hasChangedDisk: boolean;
};
