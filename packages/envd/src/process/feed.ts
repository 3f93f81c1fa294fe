/** Live output of one process to any number of readers, each with a bounded buffer. Nothing is kept for later comers. */
import { SUBSCRIBER_BUFFER_BYTES } from "../limits";
import type { EndStatus } from "./end-status";

export type OutputKind = "stdout" | "stderr" | "pty";
export type Output = { readonly kind: OutputKind; readonly bytes: Uint8Array };

/** What a reader is given next; `quiet` when nothing came within the time it would wait. */
export type FeedItem = Output | "quiet" | { readonly end: EndStatus };

export class Feed {
  readonly #readers = new Set<FeedReader>();
  #end: EndStatus | undefined;

  get end(): EndStatus | undefined {
    return this.#end;
  }

  subscribe(): FeedReader {
    const reader = new FeedReader(() => this.#readers.delete(reader));
    if (this.#end === undefined) this.#readers.add(reader);
    else reader.finish(this.#end);
    return reader;
  }

  /** Hands output to all; resolves when every reader has room again, at once when there is none. */
  async publish(output: Output): Promise<void> {
    for (const reader of this.#readers) reader.push(output);
    for (;;) {
      const full = [...this.#readers].filter((reader) => reader.isFull);
      if (full.length === 0) return;
      await Promise.all(full.map((reader) => reader.hasRoom()));
    }
  }

  /** Readers see what they still have buffered, then the end. */
  finish(end: EndStatus): void {
    this.#end = end;
    for (const reader of this.#readers) reader.finish(end);
    this.#readers.clear();
  }
}

export class FeedReader implements Disposable {
  readonly #queue: Output[] = [];
  #queuedBytes = 0;
  #end: EndStatus | undefined;
  #wake: (() => void) | undefined;
  #roomWaiters: (() => void)[] = [];
  #isLeft = false;
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  get isFull(): boolean {
    return !this.#isLeft && this.#queuedBytes >= SUBSCRIBER_BUFFER_BYTES;
  }

  push(output: Output): void {
    this.#queue.push(output);
    this.#queuedBytes += output.bytes.byteLength;
    this.#wake?.();
  }

  finish(end: EndStatus): void {
    this.#end = end;
    this.#wake?.();
  }

  hasRoom(): Promise<void> {
    return this.isFull ? new Promise((resolve) => this.#roomWaiters.push(resolve)) : Promise.resolve();
  }

  /** Next item, waiting at most `quietMs`. @throws the signal's reason once it is aborted */
  async next(of: { quietMs: number; signal: AbortSignal }): Promise<FeedItem> {
    const until = performance.now() + of.quietMs;
    for (;;) {
      of.signal.throwIfAborted();
      const output = this.#queue.shift();
      if (output !== undefined) return this.#taken(output);
      if (this.#end !== undefined) return { end: this.#end };
      const leftMs = until - performance.now();
      if (leftMs <= 0) return "quiet";
      await this.#sleepUntilWoken(leftMs, of.signal);
    }
  }

  [Symbol.dispose](): void {
    this.#isLeft = true;
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#tellRoom();
    this.#leave();
  }

  #taken(output: Output): Output {
    this.#queuedBytes -= output.bytes.byteLength;
    if (!this.isFull) this.#tellRoom();
    return output;
  }

  #tellRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const tell of waiters) tell();
  }

  #sleepUntilWoken(forMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(wake, Math.min(forMs, 2 ** 31 - 1));
      signal.addEventListener("abort", wake, { once: true });
      this.#wake = wake;
    });
  }
}
