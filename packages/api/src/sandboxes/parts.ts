/** What every operation on sandboxes needs; wired once in start.ts. */
import type { Database } from "@sandlot/db";
import type { Clock } from "@sandlot/lifetime";
import type { State } from "@sandlot/state";
import type { ApiEvents } from "../events";
import type { NodeRegistry } from "../nodes/registry";
import type { StartQueue } from "../nodes/start-queue";
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
  readonly expiry: Pick<ExpiryWatch, "arm">;
  readonly local: LocalKnowledge;
};
