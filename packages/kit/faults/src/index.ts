/** Planned failures: a stable code, a kind that decides the wire answer, and the facts the message is made of. */

export type FaultKind =
  | "invalid"
  | "unauthenticated"
  | "forbidden"
  | "missing"
  | "conflict"
  | "exists"
  | "precondition"
  | "limited"
  | "unsupported"
  | "gone"
  | "unavailable"
  | "timed_out"
  | "too_large"
  | "disk_full"
  | "broken";

export type FaultFacts = Readonly<Record<string, unknown>>;

/** A failure the code planned for. Anything else that is thrown is a bug and is answered as a bare 500. */
export class Fault extends Error {
  override readonly name = "Fault";
  /** Stable, machine-readable, e.g. `sandbox_missing`; never changes once released. */
  readonly code: string;
  readonly kind: FaultKind;
  readonly facts: FaultFacts;

  constructor(of: { code: string; kind: FaultKind; message: string; facts: FaultFacts; cause?: unknown }) {
    super(of.message, of.cause === undefined ? undefined : { cause: of.cause });
    this.code = of.code;
    this.kind = of.kind;
    this.facts = of.facts;
  }
}

type FaultRow<F extends FaultFacts> = { readonly kind: FaultKind; readonly say: (facts: F) => string };

// biome-ignore lint/suspicious/noExplicitAny: the rows' fact types are recovered per row by inference below
type FaultTable = Readonly<Record<string, FaultRow<any>>>;

type FactsOf<R> = R extends { say: (facts: infer F) => string } ? F : never;

export type FaultMakers<T extends FaultTable> = {
  readonly [K in keyof T]: (facts: FactsOf<T[K]>, cause?: unknown) => Fault;
};

const tables = new Map<string, FaultTable>();

/**
 * Declares a package's faults once. Codes are `<area>_<row>`.
 * @throws Error when two packages claim one area
 */
export function defineFaults<const T extends FaultTable>(area: string, table: T): FaultMakers<T> {
  if (tables.has(area)) throw new Error(`faults of area ${area} are declared twice`);
  tables.set(area, table);
  const makers: Record<string, (facts: FaultFacts, cause?: unknown) => Fault> = {};
  for (const [row, { kind, say }] of Object.entries(table)) {
    makers[row] = (facts, cause) =>
      new Fault({ code: `${area}_${row}`, kind, message: say(facts), facts: facts ?? {}, cause });
  }
  return makers as FaultMakers<T>;
}

export type DeclaredFault = {
  readonly code: string;
  readonly kind: FaultKind;
  readonly say: (facts: FaultFacts) => string;
};

/** All rows declared by what has been imported, for the generated reference page. */
export function declaredFaults(): DeclaredFault[] {
  return [...tables].flatMap(([area, table]) =>
    Object.entries(table).map(([row, { kind, say }]) => ({ code: `${area}_${row}`, kind, say })),
  );
}

export function isFault(thrown: unknown, code?: string): thrown is Fault {
  return thrown instanceof Fault && (code === undefined || thrown.code === code);
}
