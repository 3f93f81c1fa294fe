import { Fault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { stateFaults } from "./faults";
import { type Connection, dial } from "./resp/connection";
import { RedisError } from "./resp/reply-reader";

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
  readonly #url: string;
  readonly #commandMs: number;
  readonly #stop = new AbortController();
  #connection: Connection | undefined;
  /** Settles with the first try to connect; commands wait for that one alone. */
  #first: Promise<void> | undefined;

  constructor(of: { url: string; commandMs: number }) {
    this.#url = of.url;
    this.#commandMs = of.commandMs;
    this.#first = this.#connect().finally(() => {
      this.#first = undefined;
    });
    this.#first.then(
      () => this.#stayConnected(),
      () => this.#stayConnected(), // the first command tells
    );
  }

  /** @throws Fault `state_unavailable` when there is no answer in time; an error that Redis itself answers is a bug and passes */
  async send(command: string, ...args: string[]): Promise<unknown> {
    try {
      if (this.#first !== undefined) await this.#bounded(this.#first);
      if (this.#connection === undefined) throw new Error("not connected to Redis");
      return await this.#bounded(this.#connection.send([command, ...args]));
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
      if (!(thrown instanceof RedisError && thrown.message.startsWith("NOSCRIPT"))) throw thrown;
      return await this.send("EVAL", script.text, ...rest);
    }
  }

  close(): void {
    this.#stop.abort(new Error("closed"));
    this.#connection?.end();
  }

  async #connect(): Promise<void> {
    this.#connection = await dial({ url: this.#url, limitMs: this.#commandMs, signal: this.#stop.signal });
  }

  async #stayConnected(): Promise<void> {
    let gapMs = AGAIN_FROM_MS;
    while (!this.#stop.signal.aborted) {
      if (this.#connection !== undefined) {
        await this.#connection.closed;
        this.#connection = undefined;
        gapMs = AGAIN_FROM_MS;
      }
      await sleep(gapMs, this.#stop.signal).catch(() => undefined);
      gapMs = Math.min(gapMs * 2, AGAIN_TO_MS);
      if (!this.#stop.signal.aborted) await this.#connect().catch(() => undefined);
    }
  }

  /** A Redis that hangs without closing must not hang its callers. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    const done = new AbortController();
    try {
      return await Promise.race([
        work,
        sleep(this.#commandMs, done.signal).then(() => {
          const { oldestMs = 0 } = this.#connection ?? {};
          if (oldestMs > HANGS_AFTER_BOUNDS * this.#commandMs) this.#connection?.end(new Error("Redis hangs"));
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
    thrown instanceof RedisError &&
    !/^(LOADING|READONLY|MASTERDOWN|BUSY|OOM|MISCONF|NOAUTH|WRONGPASS)\b/.test(thrown.message)
  );
}
