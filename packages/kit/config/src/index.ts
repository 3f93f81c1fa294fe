/** Environment to typed config: read all, complain once. */

export type Env = Readonly<Record<string, string | undefined>>;

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/** A value that must not be printed: logging or stringifying it shows only that it is there. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

/** One documented variable, gathered for the generated reference page. */
export type ConfigEntry = { readonly name: string; readonly kind: string; readonly fallback: string | undefined };

export type Reader = {
  /** Required when there is no fallback. Empty counts as absent. */
  text(name: string, fallback?: string): string;
  optionalText(name: string): string | undefined;
  secret(name: string, fallback?: string): Secret;
  whole(name: string, of: { fallback?: number; min?: number; max?: number }): number;
  port(name: string, fallback?: number): number;
  /** A count of seconds, fractions allowed. */
  seconds(name: string, fallback?: number): number;
  flag(name: string, fallback: boolean): boolean;
  oneOf<const T extends string>(name: string, choices: readonly T[], fallback?: T): T;
  list(name: string, fallback: readonly string[]): string[];
};

/**
 * Reads a service's whole configuration.
 * @throws ConfigError that names every problem at once; a malformed value is never treated as absent
 */
export function readEnv<T>(env: Env, shape: (read: Reader) => T, seen: ConfigEntry[] = []): T {
  const problems: string[] = [];
  const get = (name: string): string | undefined => (env[name] === "" ? undefined : env[name]);
  const note = (name: string, kind: string, fallback: unknown): void => {
    seen.push({ name, kind, fallback: fallback === undefined ? undefined : String(fallback) });
  };
  const need = <V>(name: string, kind: string, fallback: V | undefined, parse: (raw: string) => V | undefined): V => {
    note(name, kind, fallback);
    const raw = get(name);
    if (raw === undefined) {
      if (fallback === undefined) problems.push(`${name} must be set (${kind})`);
      return fallback as V;
    }
    const value = parse(raw);
    if (value === undefined) problems.push(`${name} must be ${kind}, got ${raw}`);
    return value as V;
  };
  const read: Reader = {
    text: (name, fallback) => need(name, "text", fallback, (raw) => raw),
    optionalText: (name) => {
      note(name, "text, optional", undefined);
      return get(name);
    },
    secret: (name, fallback) => {
      note(name, "secret", fallback === undefined ? undefined : "[secret]");
      const raw = get(name) ?? fallback;
      if (raw === undefined) problems.push(`${name} must be set (secret)`);
      return new Secret(raw ?? "");
    },
    whole: (name, { fallback, min = 0, max = Number.MAX_SAFE_INTEGER }) =>
      need(name, `a whole number from ${min} to ${max}`, fallback, (raw) => {
        const value = /^-?\d+$/.test(raw) ? Number(raw) : Number.NaN;
        return value >= min && value <= max ? value : undefined;
      }),
    port: (name, fallback) => read.whole(name, { min: 0, max: 65535, ...(fallback === undefined ? {} : { fallback }) }),
    seconds: (name, fallback) =>
      need(name, "a number of seconds", fallback, (raw) => (/^\d+(\.\d+)?$/.test(raw) ? Number(raw) : undefined)),
    flag: (name, fallback) =>
      need(name, "true or false", fallback, (raw) =>
        raw === "true" || raw === "1" ? true : raw === "false" || raw === "0" ? false : undefined,
      ),
    oneOf: (name, choices, fallback) =>
      need(name, `one of ${choices.join(", ")}`, fallback, (raw) => choices.find((choice) => choice === raw)),
    list: (name, fallback) =>
      need(name, "a comma-separated list", [...fallback], (raw) =>
        raw
          .split(",")
          .map((part) => part.trim())
          .filter((part) => part !== ""),
      ),
  };
  const config = shape(read);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
