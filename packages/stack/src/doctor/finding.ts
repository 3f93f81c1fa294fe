/** What `doctor` says about one thing. */
export type FindingState =
  /** As it should be. */
  | "good"
  /** Worth knowing; nothing stops. */
  | "note"
  /** Sandboxes do not work until it is cured. */
  | "problem";

export type Finding = {
  readonly topic: string;
  readonly state: FindingState;
  readonly says: string;
  /** What to do about it, as a command where there is one. */
  readonly cure?: string;
};

export const good = (topic: string, says: string): Finding => ({ topic, state: "good", says });
export const note = (topic: string, says: string, cure?: string): Finding => ({
  topic,
  state: "note",
  says,
  ...(cure === undefined ? {} : { cure }),
});
export const problem = (topic: string, says: string, cure: string): Finding => ({
  topic,
  state: "problem",
  says,
  cure,
});
