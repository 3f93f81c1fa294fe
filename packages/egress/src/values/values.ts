/** What header values stand for, asked of the control plane when a request leaves and kept in memory for moments only. */
import { type DomainRule, type Placeholder, parseTemplate } from "@sandlot/domain";
import type { Clock } from "@sandlot/lifetime";
import { Refusal } from "../http/request-stream";
import { limits } from "../limits";

/** Whose values: the sandbox, and the audiences of its workload tokens by name. */
export type ValueOwner = { readonly sandboxId: string; readonly audiences: Readonly<Record<string, string>> };

export type Asked = {
  readonly sandboxId: string;
  readonly secrets: readonly string[];
  readonly audiences: Readonly<Record<string, string>>;
  readonly sealedPassword: string | undefined;
};
export type Told = {
  readonly secrets: Readonly<Record<string, string>>;
  readonly tokens: Readonly<Record<string, { readonly value: string; readonly expiresAtMs: number }>>;
  readonly password: string | undefined;
};

/** The control plane. Throws when it does not answer. */
export type AskValues = (asked: Asked) => Promise<Told>;

/** `value` undefined: there is no such thing. */
type Kept = { readonly value: string | undefined; readonly freshUntilMs: number; readonly staleUntilMs: number };

/** The values of one sandbox. */
export class Values {
  readonly #owner: ValueOwner;
  readonly #ask: AskValues;
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(owner: ValueOwner, parts: { ask: AskValues; clock: Clock }) {
    this.#owner = owner;
    this.#ask = parts.ask;
    this.#clock = parts.clock;
  }

  /**
   * A rule's headers with everything filled in.
   * @throws Refusal when a value does not exist, cannot be had now, or is none that a header may hold
   */
  async fill(rule: DomainRule): Promise<readonly (readonly [string, string])[]> {
    const templates = Object.entries(rule.headers).map(([name, value]) => [name, parseTemplate(value) ?? []] as const);
    const wanted = templates.flatMap(([, parts]) => parts.filter((part) => typeof part !== "string"));
    if (wanted.length > 0) await this.#refresh(wanted);
    return templates.map(([name, parts]) => {
      const value = parts.map((part) => (typeof part === "string" ? part : this.#value(part))).join("");
      return [name, value] as const;
    });
  }

  /** An egress proxy's password. Not kept. @throws Refusal */
  async password(sealed: string): Promise<string> {
    const told = await this.#asked({ secrets: [], audiences: {}, sealedPassword: sealed });
    if (told?.password === undefined) throw unavailable("proxy_password_unavailable");
    return told.password;
  }

  #value(part: Placeholder): string {
    const kept = this.#kept.get(keyOf(part));
    if (kept === undefined) throw unavailable("values_unavailable");
    if (kept.value === undefined)
      throw new Refusal({
        status: 502,
        reason: `no_such_${part.kind}`,
        say: "a value of a header rule does not exist",
      });
    // Each character is one byte of the head; line ends would let a value add headers.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(kept.value))
      throw new Refusal({ status: 502, reason: `unfit_${part.kind}`, say: "a value of a header rule fits no header" });
    return kept.value;
  }

  async #refresh(wanted: readonly Placeholder[]): Promise<void> {
    const nowMs = this.#clock.nowMs();
    const stale = wanted.filter((part) => (this.#kept.get(keyOf(part))?.freshUntilMs ?? 0) <= nowMs);
    if (stale.length === 0) return;
    const secrets = [...new Set(stale.flatMap(({ kind, name }) => (kind === "secret" ? [name] : [])))];
    const { audiences: known } = this.#owner;
    const tokens = [...new Set(stale.flatMap(({ kind, name }) => (kind === "token" ? [name] : [])))];
    const audiences = Object.fromEntries(
      tokens.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])),
    );
    const told = await this.#asked({ secrets, audiences, sealedPassword: undefined });
    if (told === undefined) return this.#dropTooOld();
    const sinceMs = this.#clock.nowMs();
    for (const name of secrets)
      this.#keep({ kind: "secret", name }, told.secrets[name], sinceMs + limits.values.secretMs);
    for (const name of tokens) {
      const token = told.tokens[name];
      const spareMs = limits.values.tokenSpareMs;
      this.#keep({ kind: "token", name }, token?.value, (token?.expiresAtMs ?? sinceMs + spareMs) - spareMs);
    }
  }

  #keep(part: Placeholder, value: string | undefined, freshUntilMs: number): void {
    this.#kept.set(keyOf(part), { value, freshUntilMs, staleUntilMs: this.#clock.nowMs() + limits.values.staleMs });
  }

  #dropTooOld(): void {
    const nowMs = this.#clock.nowMs();
    for (const [key, { freshUntilMs, staleUntilMs }] of this.#kept)
      if (freshUntilMs <= nowMs && staleUntilMs <= nowMs) this.#kept.delete(key);
  }

  /** Undefined when the control plane does not answer. */
  async #asked(of: Omit<Asked, "sandboxId">): Promise<Told | undefined> {
    try {
      return await this.#ask({ sandboxId: this.#owner.sandboxId, ...of });
    } catch {
      return undefined;
    }
  }
}

function keyOf({ kind, name }: Placeholder): string {
  return `${kind} ${name}`;
}

function unavailable(reason: string): Refusal {
  return new Refusal({ status: 502, reason, say: "the values of a header rule cannot be had now" });
}
