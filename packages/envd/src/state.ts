/** What this envd knows of its sandbox; held in memory only, the node installs it again by /init after a restart. */

export type EnvdState = {
  /** Absent until /init installs one: then every caller is let in. */
  accessToken: string | undefined;
  /** Name of the user of calls that name none. */
  defaultUser: string;
  defaultWorkdir: string | undefined;
  /** Set by us: E2B_*, CA and proxy variables. A user's variable of the same name loses for E2B_*, wins otherwise. */
  internalEnvs: Map<string, string>;
  /** Replaced wholesale by /init. */
  userEnvs: Map<string, string>;
  /** Nanoseconds since the epoch of the last /init that was taken; older ones are ignored. */
  lastInitNs: bigint | undefined;
};

export function newState(): EnvdState {
  return {
    accessToken: undefined,
    defaultUser: "root",
    defaultWorkdir: undefined,
    internalEnvs: new Map([["E2B_SANDBOX", "true"]]),
    userEnvs: new Map(),
    lastInitNs: undefined,
  };
}

/** Default environment of every process: ours, then the user's, except that E2B_* of ours cannot be overridden. */
export function defaultEnvs(state: EnvdState): Record<string, string> {
  const envs: Record<string, string> = {
    ...Object.fromEntries(state.internalEnvs),
    ...Object.fromEntries(state.userEnvs),
  };
  for (const [name, value] of state.internalEnvs) if (name.startsWith("E2B_")) envs[name] = value;
  return envs;
}
