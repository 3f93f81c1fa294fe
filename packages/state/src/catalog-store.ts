/** Where a sandbox's traffic goes. */
export type CatalogEntry = {
  readonly orchestratorId: string;
  /** Without a port. */
  readonly orchestratorIp: string;
  readonly executionId: string;
  readonly startedAtMs: number;
  /** The entry itself lives no longer than this. */
  readonly maxLengthHours: number;
};

/** The routing catalog: written by the api, read by client-proxy on every request. Faults as `SandboxStore`. */
export type CatalogStore = {
  put(sandboxId: string, entry: CatalogEntry): Promise<void>;
  read(sandboxId: string): Promise<CatalogEntry | undefined>;
  /** Only when the entry is of that execution: a late kill must not unroute the sandbox's next life. @returns whether it did */
  remove(sandboxId: string, executionId: string): Promise<boolean>;
};
