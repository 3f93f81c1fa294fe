/** One line to one guest: requests out, answers in, each with a time. */
import { microvmFaults } from "../faults";
import { encodeFrame, FILLER, FrameReader } from "./frames";
import type { AgentStream } from "./types";

/** Numbers of the guest's `agent.h`. */
export const ASK = {
  hello: 1,
  clock: 2,
  entropy: 3,
  identity: 4,
  freeze: 5,
  thaw: 6,
  network: 7,
  stats: 8,
  output: 9,
  sync: 10,
  pids: 11,
} as const;

export type Asked = keyof typeof ASK;

type Waiting = {
  readonly what: Asked;
  readonly settle: (payload: Uint8Array) => void;
  readonly fail: (thrown: unknown) => void;
};

/** More than that at once is a mistake of ours. */
const MOST_WAITING = 64;
/** After so many bytes without an answer to a question of ours the line is given up: what an earlier session left is far less. */
const MOST_UNASKED_BYTES = 1 << 20;
/** A guest's reason is shown to people. */
const REASON_CHARS = 300;

/** Owns the stream. Not yet a session with the guest until `hello` has been answered. */
export class AgentSession {
  readonly #stream: AgentStream;
  readonly #reader = new FrameReader();
  readonly #waiting = new Map<number, Waiting>();
  #nextId: number;
  /** Since the last answer. Looking for frames in them costs this process time, which all machines share. */
  #unaskedBytes = 0;
  #closed: string | undefined;

  /** @param firstId where ids begin: another than an earlier session's, whose late answers may still come */
  constructor(stream: AgentStream, firstId: number) {
    this.#stream = stream;
    this.#nextId = firstId >>> 0;
    stream.onData = (bytes) => this.#take(bytes);
    stream.onClose = (reason) => this.close(reason);
    stream.write(FILLER);
  }

  /** The guest has answered this session: the line holds nothing older any more. */
  settle(): void {
    this.#reader.isSearching = false;
  }

  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** @throws Fault `microvm_agent_silent`, `microvm_agent_gone`, `microvm_agent_refused`, the signal's reason */
  ask(of: { what: Asked; payload?: Uint8Array; withinMs: number; signal?: AbortSignal }): Promise<Uint8Array> {
    const { what, payload = new Uint8Array(), withinMs, signal } = of;
    if (this.#closed !== undefined) return Promise.reject(microvmFaults.agent_gone({ reason: this.#closed }));
    if (this.#waiting.size >= MOST_WAITING)
      return Promise.reject(microvmFaults.agent_gone({ reason: `${MOST_WAITING} questions wait for it already` }));
    signal?.throwIfAborted();
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) >>> 0;
    return new Promise<Uint8Array>((resolve, reject) => {
      const limit = AbortSignal.timeout(withinMs);
      const stop = (): void =>
        waiting.fail(
          signal?.aborted ? signal.reason : microvmFaults.agent_silent({ command: what, waitedMs: withinMs }),
        );
      const done = (): void => {
        this.#waiting.delete(id);
        limit.removeEventListener("abort", stop);
        signal?.removeEventListener("abort", stop);
      };
      const waiting: Waiting = {
        what,
        settle: (bytes) => {
          done();
          resolve(bytes);
        },
        fail: (thrown) => {
          done();
          reject(thrown);
        },
      };
      this.#waiting.set(id, waiting);
      limit.addEventListener("abort", stop, { once: true });
      signal?.addEventListener("abort", stop, { once: true });
      this.#stream.write(encodeFrame({ id, what: ASK[what], failed: false, payload }));
    });
  }

  /** Idempotent. Whoever waits is told why. */
  close(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#stream.close();
    for (const { fail } of [...this.#waiting.values()]) fail(microvmFaults.agent_gone({ reason }));
  }

  /** What answers no question of ours, or another one, is dropped: an earlier session's, or the guest's invention. */
  #take(bytes: Uint8Array): void {
    if (this.#closed !== undefined) return; // of what had been read before
    this.#unaskedBytes += bytes.length;
    if (this.#unaskedBytes > MOST_UNASKED_BYTES) {
      this.close("the guest says much that nobody asked for");
      return;
    }
    for (const frame of this.#reader.take(bytes)) {
      const waiting = this.#waiting.get(frame.id);
      if (waiting === undefined || ASK[waiting.what] !== frame.what) continue;
      this.#unaskedBytes = 0;
      if (!frame.failed) waiting.settle(frame.payload);
      else waiting.fail(microvmFaults.agent_refused({ command: waiting.what, reason: printable(frame.payload) }));
    }
  }
}

function printable(bytes: Uint8Array): string {
  const text = new TextDecoder().decode(bytes.subarray(0, REASON_CHARS));
  return text.replace(/[^\x20-\x7e]/g, "?");
}
