/** Events between a watcher and its one reader: bounded, and broken for good once something was lost. */
import type { FilesystemEvent } from "@sandlot/contracts/envd/filesystem";
import { watchFaults } from "./faults";
import { HELD_EVENTS } from "./limits";

export class HeldEvents {
  #events: FilesystemEvent[] = [];
  #failure: { readonly thrown: unknown } | undefined;
  #wake: (() => void) | undefined;

  push(event: FilesystemEvent): void {
    if (this.#failure !== undefined) return;
    if (this.#events.length >= HELD_EVENTS) this.fail(watchFaults.overflow({ held: HELD_EVENTS }));
    else this.#events.push(event);
    this.#wake?.();
  }

  /** What is held is dropped: its reader must know that it no longer sees the whole history. */
  fail(thrown: unknown): void {
    this.#failure ??= { thrown };
    this.#events = [];
    this.#wake?.();
  }

  /** All that is held, oldest first. @throws what broke the watcher */
  takeAll(): FilesystemEvent[] {
    if (this.#failure !== undefined) throw this.#failure.thrown;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  /** Resolves when there is something to take, true, or after `quietMs` without, false. @throws the signal's reason */
  async wait(of: { quietMs: number; signal: AbortSignal }): Promise<boolean> {
    of.signal.throwIfAborted();
    if (this.#events.length > 0 || this.#failure !== undefined) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(false), of.quietMs);
    const onAbort = (): void => resolve(false);
    of.signal.addEventListener("abort", onAbort, { once: true });
    this.#wake = () => resolve(true);
    try {
      return await promise;
    } finally {
      this.#wake = undefined;
      clearTimeout(timer);
      of.signal.removeEventListener("abort", onAbort);
      of.signal.throwIfAborted();
    }
  }
}
