/** Names of keys. The team is hash-tagged, as the reference does it; source: behaviour.md §6.2. */
import type { SandboxKey } from "./sandbox-record";

export type Keys = ReturnType<typeof keysOf>;

export function keysOf(prefix: string) {
  const team = (teamId: string): string => `${prefix}sandbox:storage:{${teamId}}`;
  return {
    /** hash {json, version, execution} */
    record: (of: SandboxKey) => `${team(of.teamId)}:sandboxes:${of.sandboxId}`,
    /** What the scripts put before an id of `index`. */
    records: (teamId: string) => `${team(teamId)}:sandboxes:`,
    /** set of sandbox ids */
    index: (teamId: string) => `${team(teamId)}:index`,
    /** sorted set of sandbox ids by when the reservation lapses, in milliseconds */
    reservations: (teamId: string) => `${team(teamId)}:reservations`,
    /** hash {id, event}, lives as long as its owner */
    transition: (of: SandboxKey) => `${team(of.teamId)}:transition:${of.sandboxId}`,
    /** string, JSON of the outcome */
    outcome: (of: SandboxKey, transitionId: string) =>
      `${team(of.teamId)}:transition:${of.sandboxId}:outcome:${transitionId}`,
    /** set of team ids that have records */
    teams: `${prefix}sandbox:storage:global:teams`,
    /** sorted set of `<team>/<sandbox>` by when it falls due, in milliseconds */
    expiration: `${prefix}sandbox:storage:global:expiration`,
    /** hash sandbox id → team id */
    owners: `${prefix}sandbox:storage:global:owners`,
    /** string, JSON of the entry */
    catalog: (sandboxId: string) => `${prefix}sandbox:catalog:${sandboxId}`,
  };
}

/** Member of the expiration set. Neither id has a slash in it. */
export function dueMember(of: SandboxKey): string {
  return `${of.teamId}/${of.sandboxId}`;
}

export function parseDueMember(member: string): SandboxKey {
  const slash = member.indexOf("/");
  return { teamId: member.slice(0, slash), sandboxId: member.slice(slash + 1) };
}
