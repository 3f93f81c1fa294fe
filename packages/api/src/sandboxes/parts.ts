/** What every operation on sandboxes needs; wired once in start.ts. */
import type { Database } from "@sandlot/db";
import type { Clock } from "@sandlot/lifetime";
import type { State } from "@sandlot/state";
import type { ApiEvents } from "../events";
import type { NodeRegistry } from "../nodes/registry";
import type { StartQueue } from "../nodes/start-queue";
import type { Identity } from "../secrets/identity";
import type { Vault } from "../secrets/vault";
import type { Collector } from "./collect-builds";
import type { ExpiryWatch } from "./expiry";
import type { LocalKnowledge } from "./local-knowledge";

export type SandboxParts = {
  readonly db: Database;
  readonly state: State;
  readonly nodes: NodeRegistry;
  readonly queue: StartQueue;
  readonly clock: Clock;
  readonly events: ApiEvents;
  readonly tokenSeed: string;
  /** Absent where no key is configured: no secrets, no workload tokens, no egress proxies then. */
  readonly vault: Vault | undefined;
  readonly identity: Identity | undefined;
  readonly expiry: Pick<ExpiryWatch, "arm">;
  readonly local: LocalKnowledge;
  readonly collector: Collector;
};
