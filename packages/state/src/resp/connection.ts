import net from "node:net";
import tls from "node:tls";
import { encodeCommand } from "./encode";
import { RedisError, ReplyReader } from "./reply-reader";

type Waiting = { readonly sinceMs: number; resolve(reply: unknown): void; reject(thrown: unknown): void };

/**
 * One connection to Redis. Replies belong to commands by their order and nothing else, so a reply too many, or one that
 * cannot be read, ends it: better no answer than somebody else's.
 */
export class Connection {
  readonly #socket: net.Socket;
  readonly #reader = new ReplyReader();
  readonly #waiting: Waiting[] = [];
  readonly #closed = Promise.withResolvers<void>();
  #unsent = "";
  #isOpen = true;

  constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (piece: Buffer) => this.#onData(piece));
    socket.on("error", (thrown) => this.end(thrown));
    socket.on("close", () => this.end(new Error("Redis closed the connection")));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }
  /** Settles, never with an error, when the connection has ended. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }
  /** How long the oldest command has been without its reply; 0 when there is none. */
  get oldestMs(): number {
    const oldest = this.#waiting[0];
    return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
  }

  /** Commands of one turn of the event loop go out as one piece. @throws RedisError, or an error when the connection ends before the reply */
  send(words: readonly string[]): Promise<unknown> {
    if (!this.#isOpen) return Promise.reject(new Error("the connection to Redis has ended"));
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.push({ sinceMs: performance.now(), resolve, reject });
    if (this.#unsent === "") queueMicrotask(() => this.#flush());
    this.#unsent += encodeCommand(words);
    return promise;
  }

  end(reason: Error = new Error("the connection to Redis was ended")): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.destroy();
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
    this.#closed.resolve();
  }

  #flush(): void {
    const text = this.#unsent;
    this.#unsent = "";
    if (this.#isOpen) this.#socket.write(text);
  }

  #onData(piece: Buffer): void {
    try {
      for (const reply of this.#reader.push(piece)) this.#settle(reply);
    } catch (thrown) {
      this.end(thrown as Error);
    }
  }

  #settle(reply: unknown): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Error("Redis sent a reply that nothing asked for");
    if (reply instanceof RedisError) waiting.reject(reply);
    else waiting.resolve(reply);
  }
}

/**
 * Connects, logs in and hears an answer. `redis://[[user]:password@]host[:port][/db]`, the same with `rediss` for TLS,
 * `redis+unix:///path`.
 * @throws whatever went wrong, also when it takes longer than `limitMs`
 */
export async function dial(of: { url: string; limitMs: number; signal: AbortSignal }): Promise<Connection> {
  const url = new URL(of.url);
  const connection = new Connection(openSocket(url));
  const late = AbortSignal.any([of.signal, AbortSignal.timeout(of.limitMs)]);
  const onLate = (): void => connection.end(new Error(`no connection to Redis within ${of.limitMs} ms`));
  late.addEventListener("abort", onLate, { once: true });
  try {
    // Commands wait in the socket until it is connected; Redis answers them in this order.
    await Promise.all(greetings(url).map((words) => connection.send(words)));
    return connection;
  } catch (thrown) {
    connection.end();
    throw thrown;
  } finally {
    late.removeEventListener("abort", onLate);
  }
}

function openSocket(url: URL): net.Socket {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const port = Number(url.port || 6379);
  switch (url.protocol) {
    case "redis+unix:":
      return net.connect({ path: decodeURIComponent(url.pathname) });
    case "redis:":
      return net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 });
    case "rediss:":
      return tls.connect({ host, port, ...(net.isIP(host) === 0 && { servername: host }) }).setNoDelay(true);
    default:
      throw new Error(`a Redis address begins with redis://, rediss:// or redis+unix://, not ${url.protocol}//`);
  }
}

function greetings(url: URL): string[][] {
  const user = decodeURIComponent(url.username);
  const password = decodeURIComponent(url.password);
  const db = url.protocol === "redis+unix:" ? "" : url.pathname.slice(1);
  return [
    ...(password === "" ? [] : [["AUTH", ...(user === "" ? [] : [user]), password]]),
    ...(db === "" || db === "0" ? [] : [["SELECT", db]]),
    ["PING"],
  ];
}
