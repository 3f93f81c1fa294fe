/** The tokens that were given out: in memory, each with what it may reach and what the registry behind wants to see. */
import { randomBytes } from "node:crypto";
import type { Clock } from "@sandlot/lifetime";
import { TOKEN_MS, TOKENS } from "./limits";

export type Grant = {
  /** Undefined for one that may only ask whether it is known. */
  readonly templateId: string | undefined;
  /** The `authorization` header for the registry behind; undefined when that wants none. */
  readonly upstream: string | undefined;
};

export class Tokens {
  readonly #granted = new Map<string, Grant & { readonly untilMs: number }>();
  readonly #clock: Clock;
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  give(grant: Grant): string {
    const token = randomBytes(128).toString("base64");
    this.#granted.set(token, { ...grant, untilMs: this.#clock.nowMs() + TOKEN_MS });
    const [oldest] = this.#granted.keys();
    if (this.#granted.size > TOKENS && oldest !== undefined) this.#granted.delete(oldest);
    return token;
  }

  read(token: string): Grant | undefined {
    const held = this.#granted.get(token);
    if (held === undefined || held.untilMs > this.#clock.nowMs()) return held;
    this.#granted.delete(token);
    return undefined;
  }
}
