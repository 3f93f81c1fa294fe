/** A session with one QEMU's monitor. It serves one at a time: sessions are short, a second one waits for the first. */
import { createConnection, type Socket } from "node:net";
import { sleep } from "@sandlot/lifetime";
import { qemuFaults } from "./faults";
import { limits } from "./limits";
import { LineCutter, parseQmpLine, type QmpFrame } from "./qmp-frames";

export type QmpEvent = { readonly event: string; readonly data: unknown };

export type Qmp = Disposable & {
  /** QEMU's version, `7.2.22`. */
  readonly version: string;
  /**
   * @throws Fault `qemu_monitor_refused` with QEMU's own reason, `qemu_monitor_silent`, `qemu_monitor_gone`
   */
  execute(command: string, args?: Readonly<Record<string, unknown>>, timeoutMs?: number): Promise<unknown>;
  /** Called for each event from now on. */
  onEvent: (event: QmpEvent) => void;
};

type Waiting = { readonly command: string; readonly settle: PromiseWithResolvers<unknown> };

/** @throws Fault `qemu_monitor_gone` when nobody listens, `qemu_monitor_silent` when it does not greet in time */
export async function connectQmp(path: string, timeoutMs: number = limits.monitorMs): Promise<Qmp> {
  const session = new QmpSession(createConnection({ path }));
  try {
    await session.greet(timeoutMs);
    return session;
  } catch (thrown) {
    session[Symbol.dispose]();
    throw thrown;
  }
}

class QmpSession implements Qmp {
  onEvent: (event: QmpEvent) => void = () => undefined;
  version = "unknown";
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #greeted = Promise.withResolvers<void>();
  readonly #lines = new LineCutter(limits.monitorLineBytes);
  #next = 0;
  #gone: Error | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#greeted.promise.catch(() => undefined);
    socket.on("data", (bytes) => this.#take(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes));
    socket.on("error", (thrown) => this.#end(qemuFaults.monitor_gone({ reason: thrown.message })));
    socket.on("close", () => this.#end(qemuFaults.monitor_gone({ reason: "it has closed" })));
  }

  async greet(timeoutMs: number): Promise<void> {
    await within(this.#greeted.promise, "its greeting", timeoutMs);
    await this.execute("qmp_capabilities", {}, timeoutMs);
  }

  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    timeoutMs: number = limits.monitorMs,
  ): Promise<unknown> {
    if (this.#gone !== undefined) throw this.#gone;
    const id = this.#next++;
    const settle = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { command, settle });
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    try {
      return await within(settle.promise, command, timeoutMs);
    } finally {
      this.#waiting.delete(id);
    }
  }

  [Symbol.dispose](): void {
    this.#end(qemuFaults.monitor_gone({ reason: "the session is over" }));
    this.#socket.destroy();
  }

  #take(bytes: Uint8Array): void {
    try {
      for (const line of this.#lines.push(bytes)) this.#hear(parseQmpLine(line));
    } catch (thrown) {
      this.#end(thrown as Error);
      this.#socket.destroy();
    }
  }

  #hear(frame: QmpFrame): void {
    if (frame.kind === "greeting") {
      this.version = frame.version;
      this.#greeted.resolve();
    } else if (frame.kind === "event") this.onEvent({ event: frame.event, data: frame.data });
    else if (frame.kind === "return" || frame.kind === "error") {
      // Without an id it is about a line that QEMU could not read; nobody waits for an id of another session.
      const waiting = this.#waiting.get(Number(frame.id ?? Number.NaN));
      if (frame.kind === "return") waiting?.settle.resolve(frame.value);
      else if (waiting !== undefined)
        waiting.settle.reject(qemuFaults.monitor_refused({ command: waiting.command, reason: frame.reason }));
    }
  }

  #end(reason: Error): void {
    if (this.#gone !== undefined) return;
    this.#gone = reason;
    this.#greeted.reject(reason);
    for (const { settle } of this.#waiting.values()) settle.reject(reason);
    this.#waiting.clear();
  }
}

async function within<T>(promise: Promise<T>, command: string, timeoutMs: number): Promise<T> {
  const answered = new AbortController();
  const late = sleep(timeoutMs, answered.signal).then(() => {
    throw qemuFaults.monitor_silent({ command, waitedMs: timeoutMs });
  });
  late.catch(() => undefined);
  try {
    return await Promise.race([promise, late]);
  } finally {
    answered.abort(new Error("answered"));
  }
}
