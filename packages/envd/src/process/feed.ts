/**
 * Live output of one process to any number of readers, each with a bounded buffer. Nothing is kept for later comers.
 *
 * A reader that falls behind holds the process back, as a pipe would, but neither the others nor the process for ever:
 * one that others wait for is cut off after a while, and one alone once it takes nothing at all for a long while.
 */
import { READER_HOLDS_OTHERS_MS, READER_STALLS_ALONE_MS, SUBSCRIBER_BUFFER_BYTES } from "../limits";
import type { EndStatus } from "./end-status";
import { faults } from "./faults";

export type OutputKind = "stdout" | "stderr" | "pty";
export type Output = { readonly kind: OutputKind; readonly bytes: Uint8Array };

/** What a reader is given next; `quiet` when nothing came within the time it would wait. */
export type FeedItem = Output | "quiet" | { readonly end: EndStatus };

export type Patience = {
  /** How long others wait for one reader, on top of the tenth of all time that it may always take. */
  readonly othersMs: number;
  /** How long the process waits for a reader that takes nothing. */
  readonly aloneMs: number;
};

const PATIENCE: Patience = { othersMs: READER_HOLDS_OTHERS_MS, aloneMs: READER_STALLS_ALONE_MS };

export class Feed {
  readonly #readers = new Set<FeedReader>();
  readonly #waiting = new Set<() => void>();
  readonly #patience: Patience;
  #end: EndStatus | undefined;

  constructor(patience = PATIENCE) {
    this.#patience = patience;
  }

  get end(): EndStatus | undefined {
    return this.#end;
  }

  subscribe(): FeedReader {
    const reader = new FeedReader({
      leave: () => this.#readers.delete(reader),
      changed: () => this.#wakeWaiting(),
    });
    if (this.#end === undefined) this.#readers.add(reader);
    else reader.finish(this.#end);
    // Whoever was waited for alone is from now on waited for by one more.
    this.#wakeWaiting();
    return reader;
  }

  /** Hands output to all; resolves when every reader has room again or was cut off, at once when there is none. */
  async publish(output: Output): Promise<void> {
    for (const reader of this.#readers) reader.push(output);
    for (;;) {
      const full = [...this.#readers].filter((reader) => reader.isFull);
      if (full.length === 0) return;
      const isAnyStarving = [...this.#readers].some((reader) => reader.isEmpty);
      const startedMs = performance.now();
      await this.#changeWithin(Math.min(...full.map((reader) => this.#patienceLeftMs(reader, isAnyStarving))));
      if (isAnyStarving) for (const reader of full) reader.hasHeldBack(startedMs, performance.now());
      for (const reader of full) if (this.#patienceLeftMs(reader, isAnyStarving) <= 0) reader.cutOff();
    }
  }

  #patienceLeftMs(reader: FeedReader, isAnyStarving: boolean): number {
    const aloneMs = this.#patience.aloneMs - reader.stalledMs;
    return isAnyStarving ? Math.min(aloneMs, this.#patience.othersMs - reader.heldBackMs) : aloneMs;
  }

  #wakeWaiting(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  /** Resolves when a reader has room again, has taken all or has left, or after the time. */
  #changeWithin(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, Math.max(Math.ceil(ms), 0));
      this.#waiting.add(done);
    });
  }

  /** Readers see what they still have buffered, then the end. */
  finish(end: EndStatus): void {
    this.#end = end;
    for (const reader of this.#readers) reader.finish(end);
    this.#readers.clear();
  }
}

/** Of the time in which a reader holds nobody back, this share is forgiven of the time in which it did. */
const FORGIVEN_SHARE = 0.1;

export class FeedReader implements Disposable {
  readonly #queue: Output[] = [];
  #queuedBytes = 0;
  #end: EndStatus | undefined;
  #wake: (() => void) | undefined;
  #isLeft = false;
  #isCutOff = false;
  #fullOrTakenAtMs = 0;
  #heldBackMs = 0;
  #heldAsOfMs = performance.now();
  readonly #tell: { leave(): void; changed(): void };

  constructor(tell: { leave(): void; changed(): void }) {
    this.#tell = tell;
  }

  get isFull(): boolean {
    return !this.#isLeft && this.#queuedBytes >= SUBSCRIBER_BUFFER_BYTES;
  }

  get isEmpty(): boolean {
    return this.#queuedBytes === 0;
  }

  /** How long others have waited for it, less what is forgiven. */
  get heldBackMs(): number {
    return this.#heldBackMs;
  }

  /** How long it has taken nothing although it is full. */
  get stalledMs(): number {
    return this.isFull ? performance.now() - this.#fullOrTakenAtMs : 0;
  }

  /** Others waited for it; a stretch that is told twice counts once. */
  hasHeldBack(fromMs: number, toMs: number): void {
    const countedFromMs = Math.max(fromMs, this.#heldAsOfMs);
    const forgivenMs = (countedFromMs - this.#heldAsOfMs) * FORGIVEN_SHARE;
    this.#heldBackMs = Math.max(0, this.#heldBackMs - forgivenMs) + Math.max(0, toMs - countedFromMs);
    this.#heldAsOfMs = Math.max(toMs, this.#heldAsOfMs);
  }

  push(output: Output): void {
    const wasFull = this.isFull;
    this.#queue.push(output);
    this.#queuedBytes += output.bytes.byteLength;
    if (!wasFull && this.isFull) this.#fullOrTakenAtMs = performance.now();
    this.#wake?.();
  }

  /** It is given nothing more; its stream ends with a fault, when its client takes anything at all. */
  cutOff(): void {
    this.#isCutOff = true;
    this[Symbol.dispose]();
    this.#wake?.();
  }

  finish(end: EndStatus): void {
    this.#end = end;
    this.#wake?.();
  }

  /** Next item, waiting at most `quietMs`. @throws the signal's reason once it is aborted; Fault `process_reader_too_slow` */
  async next(of: { quietMs: number; signal: AbortSignal }): Promise<FeedItem> {
    const until = performance.now() + of.quietMs;
    for (;;) {
      of.signal.throwIfAborted();
      if (this.#isCutOff) throw faults.reader_too_slow({});
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
    this.#tell.leave();
    this.#tell.changed();
  }

  #taken(output: Output): Output {
    const wasFull = this.isFull;
    this.#queuedBytes -= output.bytes.byteLength;
    if (wasFull) this.#fullOrTakenAtMs = performance.now();
    if (this.isEmpty || (wasFull && !this.isFull)) this.#tell.changed();
    return output;
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
