import { type Clock, systemClock } from "@sandlot/lifetime";
import { openCatalog } from "./catalog";
import type { CatalogStore } from "./catalog-store";
import { limits, type StateLimits } from "./limits";
import { Redis } from "./redis";
import type { SandboxStore } from "./sandbox-store";
import { openSandboxes } from "./sandboxes";

export type StateConfig = {
  /** `redis://host:port/db`, `redis+unix:///path` */
  readonly redisUrl: string;
  /** Put before every key; tests use it to live side by side. */
  readonly keyPrefix?: string | undefined;
};

export type StateParts = { readonly clock?: Clock; readonly limits?: Partial<StateLimits> };

export type State = AsyncDisposable & {
  readonly sandboxes: SandboxStore;
  readonly catalog: CatalogStore;
  /** @throws Fault `state_unavailable` */
  ping(): Promise<void>;
};

/** Opens the store. Redis need not be there yet: it is connected to in the background, for as long as the state is open. */
export function openState(config: StateConfig, parts: StateParts = {}): State {
  const bounds = { ...limits, ...parts.limits };
  const redis = new Redis({ url: config.redisUrl, commandMs: bounds.commandMs });
  const keyPrefix = config.keyPrefix ?? "";
  const sandboxes = openSandboxes({ redis, keyPrefix, limits: bounds, clock: parts.clock ?? systemClock });
  return {
    sandboxes,
    catalog: openCatalog({ redis, keyPrefix }),
    async ping() {
      await redis.send("PING");
    },
    async [Symbol.asyncDispose]() {
      sandboxes[Symbol.dispose]();
      redis.close();
    },
  };
}
