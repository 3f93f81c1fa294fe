import { Fault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { Redis as Client, ReplyError } from "ioredis";
import { stateFaults } from "./faults";

/** A Lua script, named for faults. Redis keeps it by its hash once it has run. */
export type Script = { readonly name: string; readonly text: string; readonly sha1: string };

export function defineScript(name: string, text: string): Script {
  return { name, text, sha1: new Bun.CryptoHasher("sha1").update(text).digest("hex") };
}

/** Between two tries to connect: from the first to the last, in ms. */
const AGAIN_FROM_MS = 20;
const AGAIN_TO_MS = 500;
/** A connection that has owed a reply for so many times the bound of a command is given up for a new one. */
const HANGS_AFTER_BOUNDS = 5;

/**
 * One connection to Redis that comes back by itself. Nothing is queued while it is away: commands fail at once,
 * so that a request is answered 503 now instead of late.
 */
export class Redis {
  readonly #client: Client;
  readonly #commandMs: number;
  /** Settles with the first try to connect; commands wait for that one alone. */
  #first: Promise<void> | undefined;

  constructor(of: { url: string; commandMs: number }) {
    this.#commandMs = of.commandMs;
    this.#client = new Client({
      ...address(of.url),
      lazyConnect: true,
      connectTimeout: of.commandMs,
      socketTimeout: HANGS_AFTER_BOUNDS * of.commandMs,
      // A command is answered by the connection it was sent on or not at all: whether it took effect is for its caller to find out.
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      retryStrategy: (tries) => Math.min(AGAIN_FROM_MS * 2 ** (tries - 1), AGAIN_TO_MS),
    });
    this.#client.on("error", () => undefined); // whoever sends a command is told
    this.#first = this.#client.connect().finally(() => {
      this.#first = undefined;
    });
    this.#first.catch(() => undefined);
  }

  /** @throws Fault `state_unavailable` when there is no answer in time; an error that Redis itself answers is a bug and passes */
  async send(command: string, ...args: string[]): Promise<unknown> {
    try {
      if (this.#first !== undefined) await this.#bounded(this.#first);
      return await this.#bounded(this.#client.call(command, ...args));
    } catch (thrown) {
      if (thrown instanceof Fault || isAnswer(thrown)) throw thrown;
      throw stateFaults.unavailable({ command }, thrown);
    }
  }

  async run(script: Script, of: { keys: readonly string[]; args: readonly (string | number)[] }): Promise<unknown> {
    const rest = [String(of.keys.length), ...of.keys, ...of.args.map(String)];
    try {
      return await this.send("EVALSHA", script.sha1, ...rest);
    } catch (thrown) {
      if (!(isReplyError(thrown) && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
      return await this.send("EVAL", script.text, ...rest);
    }
  }

  close(): void {
    this.#client.disconnect();
  }

  /** A Redis that hangs without closing must not hang its callers. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController();
    try {
      return await Promise.race([
        work,
        sleep(this.#commandMs, done.signal).then(() => {
          throw new Error(`no answer within ${this.#commandMs} ms`);
        }),
      ]);
    } finally {
      done.abort();
    }
  }
}

/** `redis://[[user]:password@]host[:port][/db]`, the same with `rediss` for TLS, `redis+unix:///path`. */
function address(text: string): { path: string } | { host: string; port: number } {
  const url = new URL(text);
  if (url.protocol === "redis+unix:") return { path: decodeURIComponent(url.pathname) };
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw new Error(`a Redis address begins with redis://, rediss:// or redis+unix://, not ${url.protocol}//`);
  const db = Number(url.pathname.slice(1) || 0);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || 6379),
    ...(url.username !== "" && { username: decodeURIComponent(url.username) }),
    ...(url.password !== "" && { password: decodeURIComponent(url.password) }),
    ...(db !== 0 && { db }),
    ...(url.protocol === "rediss:" && { tls: {} }),
  };
}

/** Redis has answered, with an error: the connection is fine. A server that is loading or read-only is not there for us. */
function isAnswer(thrown: unknown): boolean {
  return (
    isReplyError(thrown) && !/^(LOADING|READONLY|MASTERDOWN|BUSY|OOM|MISCONF|NOAUTH|WRONGPASS)\b/.test(thrown.message)
  );
}

/** ioredis types its class as a mere value. */
const isReplyError = (thrown: unknown): thrown is Error => thrown instanceof ReplyError;
