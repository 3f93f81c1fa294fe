/** Header lines as they came: order, case and repetition kept. Names are compared without case. */
export class HeaderList {
  readonly lines: readonly (readonly [name: string, value: string])[];

  constructor(lines: readonly (readonly [name: string, value: string])[]) {
    this.lines = lines;
  }

  /** The first value. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    for (const [found, value] of this.lines) if (sameName(found, wanted)) return value;
    return undefined;
  }

  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.lines.filter(([found]) => sameName(found, wanted)).map(([, value]) => value);
  }

  /** Members of a comma-separated list over all lines of the name, in lower case. */
  tokens(name: string): string[] {
    return this.all(name)
      .flatMap((value) => value.split(","))
      .map((token) => token.trim().toLowerCase())
      .filter((token) => token !== "");
  }
}

function sameName(found: string, wantedLower: string): boolean {
  return found.length === wantedLower.length && found.toLowerCase() === wantedLower;
}
