/** One running process: reads its output, takes its input, and knows when it is over. */
import { closeSync } from "node:fs";
import { isErrno, type PtySize, resizePty, writeSome } from "@sandlot/linux";
import {
  DRAIN_PAUSE_MS,
  DRAIN_TOTAL_MS,
  OUTPUT_CHUNK_BYTES,
  PTY_CHUNK_BYTES,
  PTY_DRAIN_PAUSE_MS,
  STDIN_RETRY_MAX_MS,
} from "../limits";
import { type EndStatus, endStatus } from "./end-status";
import { faults } from "./faults";
import { Feed, type OutputKind } from "./feed";
import { Latch } from "./latch";
import type { Launched } from "./launch";

/** The part of a stream reader that is used here. */
type OutputReader = { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }> };

export type SignalName = "SIGTERM" | "SIGKILL";

export class LiveProcess {
  readonly pid: number;
  readonly tag: string | undefined;
  readonly feed = new Feed();
  /** Settles when the process has exited and its output pipes are closed, or the wait for them was cut. */
  readonly ended: Promise<EndStatus>;
  #input: Launched["input"];
  #hasExited = false;
  #mayCut = false;
  /** Set once a killed process or a terminal's shell has exited: who still holds its pipes or terminal is not waited for. */
  readonly #cut = new Latch();
  #cutAtMs = 0;
  #writing: Promise<void> = Promise.resolve();
  readonly #ptyFd: number | undefined;

  constructor(launched: Launched, tag: string | undefined) {
    this.pid = launched.child.pid;
    this.tag = tag;
    this.#input = launched.input;
    this.#ptyFd = launched.input?.kind === "pty" ? launched.input.fd : undefined;
    this.ended = this.#run(launched);
  }

  get isPty(): boolean {
    return this.#ptyFd !== undefined;
  }

  /** Sent to this process alone, not to its group. Cuts the wait for the pipes once the process is gone. */
  signal(name: SignalName): void {
    this.#mayCut = true;
    if (this.#hasExited) {
      this.#startCut();
      return;
    }
    try {
      process.kill(this.pid, name);
    } catch (thrown) {
      if (!isErrno(thrown, "ESRCH")) throw faults.signal_failed({ problem: String(thrown) }, thrown);
    }
  }

  resize(size: PtySize): void {
    if (this.#ptyFd === undefined || this.#input === undefined) throw faults.not_a_pty({});
    resizePty(this.#ptyFd, size);
  }

  /** Resolves when all of it is in the pipe or terminal; calls take turns. */
  write(of: { kind: "stdin" | "pty"; bytes: Uint8Array; signal: AbortSignal }): Promise<void> {
    if (of.kind === "stdin" && this.isPty) throw faults.stdin_of_pty({});
    if (of.kind === "pty" && !this.isPty) throw faults.pty_of_pipe({});
    const turn = this.#writing.then(() => this.#writeAll(of.bytes, of.signal));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  /** Of a pipe process; the reader sees the end of file. Again is no fault. */
  closeStdin(): void {
    if (this.#input === undefined) return;
    const { fd } = this.#input;
    this.#input = undefined;
    closeSync(fd);
  }

  async #writeAll(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    let restMs = 1;
    for (let at = 0; at < bytes.byteLength; ) {
      signal.throwIfAborted();
      if (this.#input === undefined) throw faults.stdin_closed({});
      const taken = this.#writeSome(this.#input.fd, bytes.subarray(at));
      at += taken;
      if (taken > 0) {
        restMs = 1;
        continue;
      }
      await Bun.sleep(restMs);
      restMs = Math.min(restMs * 2, STDIN_RETRY_MAX_MS);
    }
    if (this.#input === undefined) throw faults.stdin_closed({});
  }

  #writeSome(fd: number, bytes: Uint8Array): number {
    try {
      return writeSome(fd, bytes);
    } catch (thrown) {
      throw faults.write_failed({ problem: isErrno(thrown, "EPIPE") ? "broken pipe" : String(thrown) }, thrown);
    }
  }

  async #run(launched: Launched): Promise<EndStatus> {
    const pumps = launched.outputs.map((output) => this.#pump(output));
    const exit = await launched.child.exited;
    this.#hasExited = true;
    // A terminal ends with its shell: jobs left in the background keep its far end open, and may for days.
    if (this.#mayCut || this.isPty) this.#startCut();
    await Promise.all(pumps);
    // A terminal's one descriptor serves both ways: it is closed only here, when neither is in use.
    this.closeStdin();
    const end = endStatus(exit);
    this.feed.finish(end);
    return end;
  }

  #startCut(): void {
    this.#cutAtMs ||= performance.now();
    this.#cut.set();
  }

  async #pump(output: { kind: OutputKind; fd: number }): Promise<void> {
    const chunkBytes = output.kind === "pty" ? PTY_CHUNK_BYTES : OUTPUT_CHUNK_BYTES;
    const reader = Bun.file(output.fd).stream().getReader();
    try {
      for (;;) {
        const bytes = await this.#read(reader);
        if (bytes === undefined) break;
        for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
          const piece = { kind: output.kind, bytes: bytes.subarray(at, at + chunkBytes) };
          await this.#cut.orSet(this.feed.publish(piece));
        }
      }
    } catch {
      // A terminal whose far end is gone answers EIO, its way of saying the end. After any other failure there is
      // nothing more to read either, and the process is still waited for.
    } finally {
      await reader.cancel().catch(() => undefined);
      if (output.kind !== "pty") closeSync(output.fd);
    }
  }

  /** Next bytes; undefined at the end, or when the wait was cut and the pipe has nothing more at once. */
  async #read(reader: OutputReader): Promise<Uint8Array | undefined> {
    const pending = reader.read();
    const result = await this.#cut.orSet(pending);
    if (result !== undefined) return result.done ? undefined : result.value;
    const pauseMs = this.isPty ? PTY_DRAIN_PAUSE_MS : DRAIN_PAUSE_MS;
    const leftMs = Math.min(pauseMs, this.#cutAtMs + DRAIN_TOTAL_MS - performance.now());
    const late = await Promise.race([pending, Bun.sleep(Math.max(leftMs, 0)).then(() => undefined)]);
    return late === undefined || late.done ? undefined : late.value;
  }
}
