/** What parts that run side by side print, told one after the other. Used by scripts/test/run.ts. */

export type Output = {
  write(chunk: Uint8Array): void;
  /** Nothing more comes. */
  end(): void;
};

/** The part that began first prints as it goes; what later ones say is held back until all before them have ended. */
export class Outputs {
  readonly #sink: (chunk: Uint8Array) => void;
  readonly #open: { readonly held: Uint8Array[]; hasEnded: boolean }[] = [];
  constructor(sink: (chunk: Uint8Array) => void = (chunk) => void process.stdout.write(chunk)) {
    this.#sink = sink;
  }

  open(): Output {
    const mine = { held: [] as Uint8Array[], hasEnded: false };
    this.#open.push(mine);
    return {
      write: (chunk) => {
        mine.held.push(chunk);
        this.#tell();
      },
      end: () => {
        mine.hasEnded = true;
        this.#tell();
      },
    };
  }

  #tell(): void {
    for (let first = this.#open[0]; first !== undefined; first = this.#open[0]) {
      for (const chunk of first.held.splice(0)) this.#sink(chunk);
      if (!first.hasEnded) return;
      this.#open.shift();
    }
  }
}
