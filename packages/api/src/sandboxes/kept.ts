/** A sandbox's record and what is kept of it while it is paused: one from the other, both ways. */
import type { KeptSandbox, Snapshot } from "@sandlot/db";
import { sandboxTokens } from "@sandlot/domain";
import type { SandboxRecord } from "@sandlot/state";

/** What has a column of its own, is derived, or belongs to one run only. All else is inherited as it is, whatever it is. */
type Apart =
  | "sandboxId"
  | "teamId"
  | "templateId"
  | "buildId"
  | "executionId"
  | "nodeId"
  | "nodeIp"
  | "state"
  | "startedAtMs"
  | "endsAtMs"
  | "metadata"
  | "allowInternetAccess"
  | "autoPause"
  | "envdAccessToken"
  | "trafficAccessToken";
type Inherited = Omit<SandboxRecord, Apart>;

export function toKept(record: SandboxRecord): KeptSandbox {
  const { buildId: _build, nodeIp: _ip, state: _state, endsAtMs: _end, ...rest } = record;
  const { sandboxId, teamId, templateId, executionId, nodeId, startedAtMs, metadata, ...more } = rest;
  // Tokens are derived from the installation's seed; none is stored.
  const { allowInternetAccess, autoPause, envdAccessToken, trafficAccessToken, ...inherited } = more;
  const config = { ...inherited, isPrivate: trafficAccessToken !== undefined };
  return {
    ...{ sandboxId, teamId, templateId, executionId, nodeId, startedAtMs, metadata, allowInternetAccess, autoPause },
    isSecure: envdAccessToken !== undefined,
    config,
  };
}

/** As it stands while paused: `endsAtMs` is when it was paused. Its tokens are those it had. */
export function fromSnapshot(snapshot: Snapshot, tokenSeed: string): SandboxRecord {
  const { sandboxId, teamId, templateId, executionId, nodeId, startedAtMs, metadata } = snapshot;
  const { isPrivate, ...inherited } = snapshot.config as unknown as Inherited & { isPrivate: boolean };
  const tokens = sandboxTokens({ seed: tokenSeed, sandboxId });
  return {
    ...inherited,
    ...{ sandboxId, teamId, templateId, executionId, nodeId, startedAtMs, metadata },
    allowInternetAccess: snapshot.allowInternetAccess,
    autoPause: snapshot.autoPause,
    buildId: snapshot.buildId ?? "",
    nodeIp: "",
    state: "paused",
    endsAtMs: snapshot.pausedAtMs ?? startedAtMs,
    ...(snapshot.isSecure && { envdAccessToken: tokens.envd }),
    ...(isPrivate && { trafficAccessToken: tokens.traffic }),
  };
}
