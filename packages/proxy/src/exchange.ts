import { sleep } from "@sandlot/lifetime";
import { BodyScanner, type Framing, FramingError, NO_BODY } from "./http/framing";
import { glanceAtResponse, withoutClose } from "./http/glance";
import { findResponseEnd, parseResponseHead, type RequestHead, type ResponseHead } from "./http/head";
import { HeaderList } from "./http/headers";
import { responseFraming, wantedUpgrade, writeRequestHead, writeResponseHead } from "./http/message";
import type { ProxyLimits } from "./limits";
import type { Forward, ForwardFailure } from "./proxy-request";
import type { Cuttable, Tracker } from "./tracker";
import { dial, type Upstream, type UpstreamUser } from "./upstream";
import type { UpstreamPool } from "./upstream-pool";

/** The client's side of an exchange. */
export type ExchangeClient = {
  /** @returns whether there is room for more */
  write(bytes: Uint8Array): boolean;
  pause(): void;
  resume(): void;
  /** The whole answer has been written. @param close the connection may not be used again */
  onAnswered(close: boolean): void;
  /** No byte of an answer has been written. */
  onFailed(failure: ForwardFailure): void;
  /** The answer broke off: the client must see that. */
  onBroken(): void;
  /** From now on bytes go through unread, until one side closes. */
  onTunnel(): void;
  /** The other end of the tunnel has closed. */
  onTunnelEnd(isClean: boolean): void;
};

export type ExchangeParts = { limits: ProxyLimits; tracker: Tracker; pool: UpstreamPool; nowMs: () => number };

const NO_BYTES = Buffer.alloc(0);
/** Nothing is ever put into it. */
const NOTHING: Uint8Array[] = [];
/** An answer that came with its head. */
const WHOLE = { scanner: NO_BODY, close: false, dechunk: false } as const;
const SAFE_TO_REPEAT = new Set(["GET", "HEAD", "OPTIONS"]);

/** One request on its way to an upstream and its answer back, or a tunnel. */
export class Exchange implements UpstreamUser, Cuttable {
  readonly #head: RequestHead;
  readonly #plan: Forward;
  readonly #client: ExchangeClient;
  readonly #parts: ExchangeParts;
  readonly #closeAfter: boolean;
  readonly #upgrade: string | undefined;
  #upstream: Upstream | undefined;
  /** Of the request, read ahead while there is no upstream. */
  #early: Uint8Array[] = NOTHING;
  #earlyBytes = 0;
  #isRequestSent: boolean;
  #answerHead: Buffer = NO_BYTES;
  #answer: { readonly scanner: BodyScanner; readonly close: boolean; readonly dechunk: boolean } | undefined;
  #isUpstreamKept = false;
  #isTunnel = false;
  #isOver = false;

  constructor(of: {
    head: RequestHead;
    plan: Forward;
    client: ExchangeClient;
    hasBody: boolean;
    /** The client's connection is not to be used again. */
    closeAfter: boolean;
    parts: ExchangeParts;
  }) {
    this.#head = of.head;
    this.#plan = of.plan;
    this.#client = of.client;
    this.#parts = of.parts;
    this.#closeAfter = of.closeAfter;
    this.#isRequestSent = !of.hasBody;
    this.#upgrade = of.head.isPlain ? undefined : wantedUpgrade(of.head.headers);
    of.parts.tracker.add(of.plan.key, this);
  }

  /** @returns nothing when a kept connection was there, and the request has gone out */
  start(): Promise<void> | undefined {
    const { address, port, keepAlive } = this.#plan;
    const kept = keepAlive ? this.#parts.pool.take(address, port) : undefined;
    if (kept === undefined) return this.#dial();
    this.#begin(kept);
    return undefined;
  }

  async #dial(): Promise<void> {
    const { address, port, redialAfterMs = [] } = this.#plan;
    for (let tries = 0; ; tries += 1) {
      const { tcpProbeMs, dialMs } = this.#parts.limits;
      const dialed = await dial({ address, port, probeMs: tcpProbeMs, timeoutMs: dialMs });
      if (typeof dialed === "object") {
        if (this.#isOver) return dialed.cut();
        return this.#begin(dialed);
      }
      if (this.#isOver) return;
      const waitMs = dialed === "refused" ? redialAfterMs[tries] : undefined;
      if (waitMs === undefined) return this.#fail(dialed);
      await sleep(waitMs);
      if (this.#isOver) return;
    }
  }

  #begin(upstream: Upstream): void {
    this.#upstream = upstream;
    upstream.user = this;
    if (this.#plan.tunnel !== undefined) {
      this.#beginTunnel(upstream, this.#plan.tunnel);
      return;
    }
    const head = this.#requestHead();
    const early = this.#early;
    this.#early = NOTHING;
    const hasRoom = upstream.outlet.write(early.length === 0 ? head : Buffer.concat([head, ...early]));
    if (hasRoom) this.#client.resume();
    else this.#client.pause();
  }

  #requestHead(): Uint8Array {
    const { host, target, setHeaders, dropHeaders, keepAlive } = this.#plan;
    const head = this.#head;
    if (head.isPlain && (host ?? target ?? setHeaders ?? dropHeaders) === undefined) {
      const unchanged = keepAlive ? head.bytes : head.closingBytes;
      if (unchanged !== undefined) return unchanged;
    }
    return writeRequestHead(head, {
      host: host ?? head.host,
      target,
      drop: dropHeaders,
      set: setHeaders ?? [],
      upgrade: this.#upgrade,
      keepAlive,
    });
  }

  /** More of the request's body, or of the tunnel. The caller gives `bytes` away. */
  send(bytes: Uint8Array, isLast: boolean): void {
    if (isLast) this.#isRequestSent = true;
    if (this.#upstream !== undefined) {
      if (!this.#upstream.outlet.write(bytes)) this.#client.pause();
      return;
    }
    if (this.#early === NOTHING) this.#early = [];
    this.#early.push(bytes);
    this.#earlyBytes += bytes.length;
    if (this.#earlyBytes >= this.#parts.limits.readAheadBytes) this.#client.pause();
  }

  /** It takes long enough for its other end to vanish without a word. */
  expectSilence(): void {
    this.#upstream?.expectSilence();
  }

  /** The client can take more. */
  onClientRoom(): void {
    this.#upstream?.resume();
  }

  onRoom(): void {
    this.#client.resume();
  }

  onBytes(bytes: Buffer): void {
    try {
      if (this.#isTunnel) this.#write(bytes);
      else if (this.#answer !== undefined) this.#takeBody(bytes);
      else this.#takeHead(bytes);
    } catch (thrown) {
      if (!(thrown instanceof FramingError)) throw thrown;
      this.#breakOff("no_answer");
    }
  }

  #takeHead(bytes: Buffer): void {
    const before = this.#answerHead;
    if (before.length === 0 && this.#passPlain(bytes)) return;
    const all = before.length === 0 ? bytes : Buffer.concat([before, bytes]);
    const end = findResponseEnd(all, before.length);
    if (end < 0) {
      if (all.length > this.#parts.limits.headBytes) throw new FramingError("the answer's head is too long", 502);
      this.#answerHead = all;
      return;
    }
    this.#answerHead = NO_BYTES;
    const head = parseResponseHead(all, this.#parts.limits.headerCount, end);
    const rest = end === all.length ? NO_BYTES : all.subarray(end);
    if (head.status === 101) {
      this.#openTunnel(head, rest);
      return;
    }
    if (head.status < 200) {
      if (this.#head.minorVersion === 1) {
        this.#write(writeResponseHead(head, { isDechunked: false, close: false }));
      }
      if (rest.length > 0) this.#takeHead(rest);
      return;
    }
    this.#beginAnswer(head, all, rest);
  }

  /** The usual answer to the usual request goes on in the bytes that it came in. @returns whether it was one */
  #passPlain(bytes: Buffer): boolean {
    if (this.#closeAfter || !this.#isRequestSent || this.#head.minorVersion === 0 || this.#head.method === "HEAD")
      return false;
    const head = glanceAtResponse(bytes, this.#parts.limits);
    if (head === undefined) return false;
    const isClosing = head.closeAt >= 0;
    this.#isUpstreamKept = this.#plan.keepAlive && !isClosing;
    const all = isClosing ? withoutClose(bytes, head) : bytes;
    const end = head.end - (bytes.length - all.length);
    const { framing } = head;
    if (framing.kind === "length" && framing.bytes === all.length - end) {
      this.#answer = WHOLE;
      this.#write(all);
      this.#answered();
      return true;
    }
    this.#answer = { scanner: new BodyScanner(framing), close: false, dechunk: false };
    this.#passOn(all, end === all.length ? NO_BYTES : all.subarray(end));
    return true;
  }

  /** @param all head and `rest`, as they came */
  #beginAnswer(head: ResponseHead, all: Buffer, rest: Buffer): void {
    const framing: Framing = responseFraming(head, this.#head.method);
    const dechunk = framing.kind === "chunked" && this.#head.minorVersion === 0;
    const close = this.#closeAfter || framing.kind === "close" || dechunk || !this.#isRequestSent;
    const isKept = head.minorVersion === 1 && !head.headers.tokens("Connection").includes("close");
    this.#isUpstreamKept = isKept && this.#plan.keepAlive && framing.kind !== "close";
    this.#answer = { scanner: new BodyScanner(framing), close, dechunk };
    if (head.isPlain === true && !close && !dechunk && !this.#answer.scanner.isDone) {
      this.#passOn(all, rest);
      return;
    }
    const written = writeResponseHead(head, { isDechunked: dechunk, close });
    if (rest.length === 0 || dechunk || this.#answer.scanner.isDone) {
      this.#write(written);
      this.#takeBody(rest);
      return;
    }
    // One write for a head and a body that came together.
    const taken = this.#answer.scanner.take(rest);
    if (taken < rest.length) this.#isUpstreamKept = false;
    this.#write(Buffer.concat([written, rest.subarray(0, taken)]));
    if (this.#answer.scanner.isDone) this.#answered();
  }

  /** A head that needs no change, and what of the body came with it, in the bytes that they came in. */
  #passOn(all: Buffer, rest: Buffer): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    const taken = answer.scanner.take(rest);
    if (taken < rest.length) this.#isUpstreamKept = false; // more than it announced
    this.#write(taken < rest.length ? all.subarray(0, all.length - rest.length + taken) : all);
    if (answer.scanner.isDone) this.#answered();
  }

  #takeBody(bytes: Buffer): void {
    const answer = this.#answer;
    if (answer === undefined) return;
    const taken = answer.scanner.take(bytes, answer.dechunk ? (payload) => this.#write(payload) : undefined);
    if (!answer.dechunk && taken > 0) this.#write(taken === bytes.length ? bytes : bytes.subarray(0, taken));
    if (taken < bytes.length) this.#isUpstreamKept = false; // more than it announced
    if (answer.scanner.isDone) this.#answered();
  }

  #write(bytes: Uint8Array): void {
    if (!this.#client.write(bytes)) this.#upstream?.pause();
  }

  #answered(): void {
    const upstream = this.#upstream;
    const { address, port } = this.#plan;
    const close = this.#answer?.close ?? true;
    this.#finish();
    if (upstream !== undefined && !upstream.isClosed) {
      upstream.resume();
      if (this.#isUpstreamKept && this.#isRequestSent && !upstream.outlet.isFull) {
        this.#parts.pool.put(address, port, upstream, this.#parts.nowMs());
      } else if (this.#isRequestSent) {
        upstream.user = undefined;
        upstream.end();
      } else upstream.cut();
    }
    this.#client.onAnswered(close || !this.#isRequestSent);
  }

  /** A connection of its own for the client, with nothing said to the other end. */
  #beginTunnel(upstream: Upstream, protocol: string): void {
    this.#isTunnel = true;
    const lines = [["Upgrade", protocol]] as const;
    const head = {
      minorVersion: 1,
      status: 101,
      reason: "Switching Protocols",
      headers: new HeaderList(lines),
    } as const;
    this.#write(writeResponseHead(head, { isDechunked: false, close: false }));
    for (const bytes of this.#early) upstream.outlet.write(bytes);
    this.#early = NOTHING;
    this.#client.onTunnel();
    this.#client.resume();
  }

  #openTunnel(head: ResponseHead, rest: Buffer): void {
    if (this.#upgrade === undefined) throw new FramingError("an upgrade that nobody asked for", 502);
    this.#isTunnel = true;
    this.#client.onTunnel();
    this.#write(writeResponseHead(head, { isDechunked: false, close: false }));
    if (rest.length > 0) this.#write(rest);
  }

  onClose(isClean: boolean): void {
    if (this.#isOver) return;
    if (this.#isTunnel) {
      this.#finish();
      this.#client.onTunnelEnd(isClean);
      return;
    }
    if (this.#answer !== undefined) {
      // The end of the connection is the end of the body only where nothing else is, and never after a reset.
      const isWhole = isClean && this.#answer.scanner.isOpenEnded;
      if (isWhole) this.#answered();
      else this.#breakOff("no_answer");
      return;
    }
    const mayRepeat =
      this.#upstream?.isReused === true &&
      this.#answerHead.length === 0 &&
      this.#upgrade === undefined &&
      this.#isBodiless &&
      SAFE_TO_REPEAT.has(this.#head.method);
    if (!mayRepeat) {
      this.#breakOff("no_answer");
      return;
    }
    this.#upstream = undefined;
    void this.#dial();
  }

  get #isBodiless(): boolean {
    return this.#head.headers.get("Content-Length") === undefined && !this.#head.headers.get("Transfer-Encoding");
  }

  #breakOff(failure: ForwardFailure): void {
    this.#upstream?.cut();
    if (this.#answer === undefined && !this.#isTunnel) {
      this.#fail(failure);
      return;
    }
    this.#finish();
    this.#client.onBroken();
  }

  #fail(failure: ForwardFailure): void {
    this.#finish();
    this.#client.onFailed(failure);
  }

  /** The client is gone. In a tunnel its end is passed on. */
  onClientClose(isClean: boolean): void {
    if (this.#isOver) return;
    const upstream = this.#upstream;
    this.#finish();
    if (upstream === undefined) return;
    upstream.user = undefined;
    if (this.#isTunnel && isClean) upstream.end();
    else upstream.cut();
  }

  cut(): void {
    if (this.#isOver) return;
    this.#finish();
    this.#upstream?.cut();
    this.#client.onBroken();
  }

  #finish(): void {
    this.#isOver = true;
    this.#early = NOTHING;
    this.#parts.tracker.remove(this.#plan.key, this);
  }
}
