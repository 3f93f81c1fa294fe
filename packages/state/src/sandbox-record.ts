import type { IamTokens, RulesRequest, RuntimeName, SandboxState } from "@sandlot/domain";

/** `network` as the user asked for it, kept for SandboxDetail and for what is inherited by a resume. */
export type SandboxNetworkRequest = {
  readonly allowPublicTraffic?: boolean | undefined;
  readonly allowOut?: readonly string[] | undefined;
  readonly denyOut?: readonly string[] | undefined;
  readonly maskRequestHost?: string | undefined;
  readonly rules?: RulesRequest | undefined;
  readonly egressProxy?: StoredEgressProxy | undefined;
};

export type StoredEgressProxy = {
  /** host:port */
  readonly address: string;
  readonly username?: string | undefined;
  /** Never in the clear, not even here. */
  readonly sealedPassword?: string | undefined;
};

/** One running sandbox, as every replica of the api sees it. Source: behaviour.md §1.5 and §6.2. */
export type SandboxRecord = {
  readonly sandboxId: string;
  readonly teamId: string;
  /** The base template, the one the user created from; it stays the same over pause and resume. */
  readonly templateId: string;
  readonly buildId: string;
  readonly alias?: string | undefined;
  /** New for every start and resume; writes that carry an older one change nothing. */
  readonly executionId: string;
  readonly nodeId: string;
  /** The address that client-proxy dials, without a port. */
  readonly nodeIp: string;
  readonly state: SandboxState;
  readonly startedAtMs: number;
  readonly endsAtMs: number;
  readonly maxLengthHours: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly envdVersion: string;
  /** What makes its machine; records of before there was a choice are of containers. */
  readonly runtime?: RuntimeName | undefined;
  readonly envdAccessToken?: string | undefined;
  readonly trafficAccessToken?: string | undefined;
  /** null: the user never said. */
  readonly allowInternetAccess: boolean | null;
  readonly network?: SandboxNetworkRequest | undefined;
  /** Workload tokens it may have put into its requests. */
  readonly iam?: IamTokens | undefined;
  /** At its end the sandbox is paused, not killed. */
  readonly autoPause: boolean;
  /** With `autoPause`: memory is kept too; false keeps files only. */
  readonly autoPauseMemory: boolean;
  readonly autoResume: boolean;
  /** How long it then lives; what the user asked for when it was created, whatever was said since. */
  readonly autoResumeTimeoutMs?: number | undefined;
};

/** What a sandbox is known by inside its team. */
export type SandboxKey = { readonly teamId: string; readonly sandboxId: string };
