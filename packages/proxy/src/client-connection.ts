import type { ClientSocket } from "./client-socket";
import { Exchange, type ExchangeClient, type ExchangeParts } from "./exchange";
import { BodyScanner, FramingError, NO_BODY } from "./http/framing";
import { glanceAtRequest } from "./http/glance";
import { findRequestEnd, parseRequestHead, type RequestHead } from "./http/head";
import type { HeaderList } from "./http/headers";
import { requestFraming, writeAnswer } from "./http/message";
import { Outlet } from "./outlet";
import type { Answer, Decision, ForwardFailure, ProxyRequest } from "./proxy-request";
import { plainAnswer } from "./refusals/render";

export type ConnectionParts = ExchangeParts & {
  readonly decide: (request: ProxyRequest) => Decision | Promise<Decision>;
  readonly onBug: (thrown: unknown) => void;
  /** Kept connections are to end after their request. */
  readonly isDraining: () => boolean;
};

/** idle → head → deciding → exchange → idle …; `tunnel` and `linger` only end. */
type Stage = "idle" | "head" | "deciding" | "exchange" | "tunnel" | "linger" | "closed";

/** The request that is being served, as its owner may look at it. */
class Current implements ProxyRequest {
  readonly head: RequestHead;
  readonly body: BodyScanner;
  /** When the request has had its time, whatever it is doing. */
  untilMs: number | undefined;
  abort: AbortController | undefined;
  exchange: Exchange | undefined;
  fail: ((failure: ForwardFailure) => Answer) | undefined;
  readonly #socket: ClientSocket;

  constructor(head: RequestHead, socket: ClientSocket) {
    const framing = requestFraming(head);
    this.head = head;
    this.body = framing.kind === "none" ? NO_BODY : new BodyScanner(framing);
    this.#socket = socket;
  }

  get closeAfter(): boolean {
    const { head } = this;
    return !head.isPlain && (head.minorVersion === 0 || head.headers.tokens("Connection").includes("close"));
  }
  get method(): string {
    return this.head.method;
  }
  get target(): string {
    return this.head.target;
  }
  get host(): string {
    return this.head.host;
  }
  get headers(): HeaderList {
    return this.head.headers;
  }
  /** The system is asked only for who wants to know. */
  get remoteAddress(): string {
    return this.#socket.remoteAddress;
  }
  get signal(): AbortSignal {
    this.abort ??= new AbortController();
    return this.abort.signal;
  }
}

const NO_BYTES = Buffer.alloc(0);

/** A client's connection: one request after the other. */
export class ClientConnection implements ExchangeClient {
  readonly #socket: ClientSocket;
  readonly #parts: ConnectionParts;
  readonly #outlet: Outlet;
  #stage: Stage = "idle";
  /** Read, not yet used. */
  #pending: Buffer = NO_BYTES;
  #scanned = 0;
  #isPaused = false;
  #current: Current | undefined;
  /** When the connection has had its time in this stage. */
  #deadlineMs: number;

  constructor(socket: ClientSocket, parts: ConnectionParts) {
    this.#socket = socket;
    this.#parts = parts;
    this.#outlet = new Outlet(socket, () => this.#onRoom());
    this.#deadlineMs = parts.nowMs() + parts.limits.headMs;
  }

  onBytes(bytes: Buffer): void {
    if (this.#stage === "tunnel") {
      this.#current?.exchange?.send(bytes, false);
      return;
    }
    if (this.#stage === "linger" || this.#stage === "closed") return;
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    this.#advance();
  }

  onDrain(): void {
    this.#outlet.drain();
  }

  #advance(): void {
    if (this.#stage === "idle" && this.#pending.length > 0 && !this.#outlet.isFull) {
      this.#stage = "head";
      this.#scanned = 0;
      this.#deadlineMs = this.#parts.nowMs() + this.#parts.limits.headMs;
    }
    try {
      if (this.#stage === "head") this.#takeHead();
      if (this.#stage === "exchange") this.#takeBody();
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.#refuseFraming(thrown);
    }
    const isHeld = this.#stage === "deciding" || (this.#stage === "exchange" && this.#current?.body.isDone === true);
    if (isHeld && this.#pending.length >= this.#parts.limits.readAheadBytes) this.pause();
  }

  #takeHead(): void {
    const { limits } = this.#parts;
    // Only once: what comes byte by byte must not be read anew with each of them.
    const glanced = this.#scanned === 0 ? glanceAtRequest(this.#pending, limits) : undefined;
    const head = glanced ?? this.#parseHead();
    if (head === undefined) return;
    const end = glanced?.end ?? this.#scanned;
    this.#pending = end === this.#pending.length ? NO_BYTES : this.#pending.subarray(end);
    const current = new Current(head, this.#socket);
    this.#current = current;
    this.#stage = "deciding";
    this.#deadlineMs = Number.POSITIVE_INFINITY;
    this.#decide(current);
  }

  /** @returns the head when it is all there; `#scanned` is where it ends then */
  #parseHead(): RequestHead | undefined {
    const { limits } = this.#parts;
    // Empty lines before a request are allowed.
    while (this.#pending[0] === 13 && this.#pending[1] === 10) this.#pending = this.#pending.subarray(2);
    const end = findRequestEnd(this.#pending, this.#scanned);
    if (end > limits.headBytes || (end < 0 && this.#pending.length > limits.headBytes)) {
      throw new FramingError("the head is too long", 431);
    }
    this.#scanned = end < 0 ? this.#pending.length : end;
    if (end < 0) return undefined;
    return parseRequestHead(
      end === this.#pending.length ? this.#pending : this.#pending.subarray(0, end),
      limits.headerCount,
    );
  }

  #decide(current: Current): void {
    try {
      const decision = this.#parts.decide(current);
      if (!(decision instanceof Promise)) {
        this.#follow(current, decision);
        return;
      }
      decision.then(
        (later) => this.#followLater(current, later),
        (thrown) => this.#onBug(current, thrown),
      );
    } catch (thrown) {
      this.#onBug(current, thrown);
    }
  }

  #onBug(current: Current, thrown: unknown): void {
    if (this.#current !== current) return;
    this.#parts.onBug(thrown);
    this.#answer(plainAnswer(500, "Unexpected error when routing request"));
  }

  #followLater(current: Current, decision: Decision): void {
    if (this.#current !== current) return; // the client is gone
    try {
      this.#follow(current, decision);
      this.#advance();
    } catch (thrown) {
      this.#onBug(current, thrown);
    }
  }

  #follow(current: Current, decision: Decision): void {
    if (decision.kind === "answer") {
      this.#answer(decision.answer);
      return;
    }
    const limit = decision.connectionLimit;
    if (limit !== undefined && this.#parts.tracker.count(decision.key) >= limit.count) {
      this.#answer(limit.answer());
      return;
    }
    const { head, body } = current;
    const closeAfter = current.closeAfter || this.#parts.isDraining();
    current.fail = decision.onFailure;
    current.untilMs = decision.untilMs;
    current.exchange = new Exchange({
      head,
      plan: decision,
      client: this,
      hasBody: !body.isDone,
      closeAfter,
      parts: this.#parts,
    });
    this.#stage = "exchange";
    current.exchange.start()?.catch((thrown) => this.#onBug(current, thrown));
  }

  #takeBody(): void {
    const current = this.#current;
    if (current?.exchange === undefined || current.body.isDone || this.#pending.length === 0) return;
    const bytes = this.#pending;
    const taken = current.body.take(bytes);
    this.#pending = taken === bytes.length ? NO_BYTES : bytes.subarray(taken);
    current.exchange.send(taken === bytes.length ? bytes : bytes.subarray(0, taken), current.body.isDone);
  }

  /** Answers the current request. */
  #answer(answer: Answer): void {
    const current = this.#current;
    if (current === undefined) return;
    // What of the body is here already need not cost the connection.
    if (!current.body.isDone) this.#pending = this.#pending.subarray(current.body.take(this.#pending));
    const close = current.closeAfter || !current.body.isDone || this.#parts.isDraining();
    this.#outlet.write(writeAnswer(answer, { method: current.head.method, close, nowMs: this.#parts.nowMs() }));
    this.#next(close);
  }

  #refuseFraming(error: FramingError): void {
    const { exchange } = this.#current ?? {};
    this.#current = undefined;
    if (exchange !== undefined) {
      // A body that breaks off: the upstream must not take it for whole.
      exchange.onClientClose(false);
      this.#close();
      return;
    }
    const answer = plainAnswer(error.status, "Bad request");
    this.#outlet.write(writeAnswer(answer, { method: "GET", close: true, nowMs: this.#parts.nowMs() }));
    this.#next(true);
  }

  #next(close: boolean): void {
    this.#current = undefined;
    this.#goOn();
    if (close) {
      this.#linger();
      return;
    }
    this.#stage = "idle";
    this.#deadlineMs = this.#parts.nowMs() + this.#parts.limits.clientIdleMs;
    // A client that sends requests but reads no answers gets no further ones taken.
    if (this.#outlet.isFull) this.pause();
    // Not in this call: a client that pipelines must not grow the stack.
    else if (this.#pending.length > 0) queueMicrotask(() => this.#stage === "idle" && this.#advance());
  }

  #onRoom(): void {
    if (this.#stage === "idle") {
      this.#goOn();
      this.#advance();
    } else this.#current?.exchange?.onClientRoom();
  }

  /** Ends our half and takes in what still comes, so that the answer is not lost to a reset. */
  #linger(): void {
    this.#stage = "linger";
    this.#pending = NO_BYTES;
    this.#deadlineMs = this.#parts.nowMs() + this.#parts.limits.lingerMs;
    this.#outlet.end("half");
  }

  #close(): void {
    this.#stage = "closed";
    this.#socket.terminate();
  }

  write(bytes: Uint8Array): boolean {
    return this.#outlet.write(bytes);
  }
  pause(): void {
    this.#isPaused = true;
    this.#socket.pause();
  }

  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#socket.resume();
  }

  resume(): void {
    if (this.#stage === "exchange" || this.#stage === "tunnel") this.#goOn();
  }
  onAnswered(close: boolean): void {
    this.#next(close);
  }
  onFailed(failure: ForwardFailure): void {
    const { fail } = this.#current ?? {};
    if (fail !== undefined) this.#answer(fail(failure));
  }
  onBroken(): void {
    this.#current = undefined;
    this.#close();
  }
  onTunnel(): void {
    this.#stage = "tunnel";
    if (this.#pending.length === 0) return;
    this.#current?.exchange?.send(this.#pending, false);
    this.#pending = NO_BYTES;
  }
  onTunnelEnd(isClean: boolean): void {
    this.#current = undefined;
    if (isClean) this.#linger();
    else this.#close();
  }

  onClose(isClean: boolean): void {
    const current = this.#current;
    this.#current = undefined;
    this.#stage = "closed";
    current?.abort?.abort(new Error("the client is gone"));
    current?.exchange?.onClientClose(isClean);
  }

  get isIdle(): boolean {
    return this.#stage === "idle";
  }

  /** Ends the connection if its time in this stage is over. */
  checkDeadline(nowMs: number): void {
    if (nowMs >= (this.#current?.untilMs ?? Number.POSITIVE_INFINITY)) {
      this.cut();
      return;
    }
    this.#current?.exchange?.expectSilence();
    if (nowMs < this.#deadlineMs) return;
    if (this.#stage === "head") this.#refuseFraming(new FramingError("the head takes too long", 408));
    else if (this.#outlet.isFull && this.#stage === "linger")
      this.#deadlineMs = nowMs + this.#parts.limits.clientIdleMs;
    else this.#close();
  }

  cut(): void {
    const { exchange } = this.#current ?? {};
    this.#current = undefined;
    exchange?.onClientClose(false);
    this.#close();
  }
}
