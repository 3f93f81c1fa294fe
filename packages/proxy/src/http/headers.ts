type Line = readonly [name: string, value: string];

/** Header lines as they came: order, case and repetition kept. Names are compared without case. */
export class HeaderList {
  readonly lines: readonly Line[];
  #lowerNames: readonly string[] | undefined;

  constructor(lines: readonly Line[], lowerNames?: readonly string[]) {
    this.lines = lines;
    this.#lowerNames = lowerNames;
  }

  /** The lines' names in lower case, in their order. */
  get lowerNames(): readonly string[] {
    this.#lowerNames ??= this.lines.map(([name]) => name.toLowerCase());
    return this.#lowerNames;
  }

  /** The first value. */
  get(name: string): string | undefined {
    const at = this.lowerNames.indexOf(name.toLowerCase());
    return at < 0 ? undefined : this.lines[at]?.[1];
  }

  all(name: string): string[] {
    const { lowerNames } = this;
    const wanted = name.toLowerCase();
    const first = lowerNames.indexOf(wanted);
    if (first < 0) return [];
    const found: string[] = [];
    for (let at = first; at >= 0; at = lowerNames.indexOf(wanted, at + 1)) {
      found.push((this.lines[at] as Line)[1]);
    }
    return found;
  }

  /** Members of a comma-separated list over all lines of the name, in lower case. */
  tokens(name: string): string[] {
    const values = this.all(name);
    if (values.length === 0) return values;
    return values
      .flatMap((value) => value.split(","))
      .map((token) => token.trim().toLowerCase())
      .filter((token) => token !== "");
  }
}
