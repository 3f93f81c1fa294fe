/** What the host can ask of a guest. Everything a guest answers is a stranger's word: bounded, checked, never trusted. */

/** Bytes both ways, however they reach the guest: a virtio-serial port's unix socket, vsock. One owner at a time. */
export type AgentStream = {
  /** Queues bytes; what cannot be delivered shows by `onClose`. */
  write(bytes: Uint8Array): void;
  /** Set before the first byte can arrive. */
  onData: (bytes: Uint8Array) => void;
  onClose: (reason: string) => void;
  /** Idempotent; `onClose` may or may not follow. */
  close(): void;
};

export type ConnectAgent = (signal: AbortSignal) => Promise<AgentStream>;

export type GuestHello = {
  readonly protocol: number;
  /** As `uname -r` has it. */
  readonly kernel: string;
  readonly uptimeMs: number;
  /** Not so in a guest that was booted to see whether guests boot. */
  readonly hasSandbox: boolean;
};

export type GuestStats = {
  readonly cpuUsedMicros: number;
  readonly memoryUsedBytes: number;
  readonly memoryCacheBytes: number;
  /** All the guest's kernel can use: less than the machine's memory by what the kernel itself takes. */
  readonly memoryTotalBytes: number;
  readonly diskUsedBytes: number;
  readonly diskSizeBytes: number;
  readonly pids: number;
  /** Processes that the guest's kernel killed for want of memory since it booted. */
  readonly oomKills: number;
};

/** Who the guest is from now on. A new machine id and boot id are made inside. */
export type GuestIdentity = { readonly hostname: string; readonly gateway: string };

/** All that a guest needs between `cont` and its first own instruction. */
export type GuestResume = {
  /** 32 to 256 bytes of the host's randomness, credited and reseeded at once. */
  readonly entropy: Uint8Array;
  /** Absent: it keeps the one it has. */
  readonly identity?: GuestIdentity;
  /** Ends connections to the outside. */
  readonly network: boolean;
  /** Absent: as many processes as before. */
  readonly pidsMax?: number;
  /** Lets the sandbox's processes run on, after everything else is done; left frozen when anything before failed. */
  readonly thaw: boolean;
};

/**
 * A session with one guest's agent. All calls reject with `microvm_agent_silent` when the guest does not answer in time,
 * `microvm_agent_gone` when the stream ends, `microvm_agent_refused` when the guest says it cannot. Calls may overlap;
 * the guest works them off in order.
 */
export type GuestAgent = AsyncDisposable & {
  readonly hello: GuestHello;
  /** Brings the sandbox's files to its disk while it runs, as many as in some tries: what a freeze need not wait for then. */
  syncAhead(): Promise<void>;
  /** Stops every process of the sandbox, not the agent, with all of its files on the disk; they run on when it fails. Idempotent, as is `thaw`. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Sets the guest's wall clock to the host's, again when the answer came late. @returns how far it is off, at most, in ms */
  setClock(): Promise<number>;
  addEntropy(bytes: Uint8Array): Promise<void>;
  setIdentity(identity: GuestIdentity): Promise<void>;
  resetNetwork(): Promise<void>;
  limitPids(pidsMax: number): Promise<void>;
  /** Clock first and last; the rest in between, in the order of `GuestResume`. */
  resume(wanted: GuestResume): Promise<void>;
  stats(): Promise<GuestStats>;
  /** What the guest's init and envd wrote; see `Machine.readOutput`. At most 48 KiB per call. */
  readOutput(of: { fromByte: number; maxBytes: number }): Promise<{ bytes: Uint8Array; sizeBytes: number }>;
};
