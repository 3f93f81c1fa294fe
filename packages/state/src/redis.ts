import { Fault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { RedisClient } from "bun";
import { stateFaults } from "./faults";

/** A Lua script, named for faults. Redis keeps it by its hash once it has run. */
export type Script = { readonly name: string; readonly text: string; readonly sha1: string };

export function defineScript(name: string, text: string): Script {
  return { name, text, sha1: new Bun.CryptoHasher("sha1").update(text).digest("hex") };
}

/**
 * One connection to Redis that comes back by itself. Nothing is queued while it is away: commands fail at once,
 * so that a request is answered 503 now instead of late.
 */
export class Redis {
  readonly #client: RedisClient;
  readonly #commandMs: number;
  /** Settles with the first connection; later ones are the client's own business. */
  #first: Promise<void> | undefined;
  #again: Promise<void> | undefined;
  #isClosed = false;

  constructor(of: { url: string; commandMs: number }) {
    this.#commandMs = of.commandMs;
    this.#client = new RedisClient(of.url, {
      autoReconnect: true,
      maxRetries: 2 ** 31 - 1,
      enableOfflineQueue: false,
      connectionTimeout: of.commandMs,
    });
    this.#first = this.#client.connect().then(() => {
      this.#first = undefined;
    });
    this.#first.catch(() => {
      this.#first = undefined; // the first command tells
    });
  }

  /** @throws Fault `state_unavailable` when there is no answer in time; an error that Redis itself answers is a bug and passes */
  async send(command: string, ...args: string[]): Promise<unknown> {
    try {
      if (this.#first !== undefined) await this.#bounded(this.#first);
      return await this.#bounded(this.#client.send(command, args));
    } catch (thrown) {
      if (thrown instanceof Fault || isAnswer(thrown)) throw thrown;
      this.#connectAgain();
      throw stateFaults.unavailable({ command }, thrown);
    }
  }

  async run(script: Script, of: { keys: readonly string[]; args: readonly (string | number)[] }): Promise<unknown> {
    const rest = [String(of.keys.length), ...of.keys, ...of.args.map(String)];
    try {
      return await this.send("EVALSHA", script.sha1, ...rest);
    } catch (thrown) {
      if (!(thrown instanceof Error && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
      return await this.send("EVAL", script.text, ...rest);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#client.close();
  }

  /** The client gives up for good when a connection was not made in time: whoever finds none sees to another. */
  #connectAgain(): void {
    if (this.#client.connected || this.#first !== undefined || this.#isClosed) return;
    this.#again ??= this.#client
      .connect()
      .catch(() => undefined)
      .finally(() => {
        this.#again = undefined;
      });
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

/** Redis has answered, with an error: the connection is fine. A server that is loading or read-only is not there for us. */
function isAnswer(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    (thrown as { code?: unknown }).code === "ERR_REDIS_SERVER_ERROR" &&
    !/^(LOADING|READONLY|MASTERDOWN|BUSY|OOM|MISCONF)\b/.test(thrown.message)
  );
}
