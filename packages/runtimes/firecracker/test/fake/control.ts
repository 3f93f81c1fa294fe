/** How tests steer the fake, over files: what is to go wrong, and what was asked of it. Test double only, never shipped. */
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Trouble = {
  /** `PUT /drives/disk` and the like; `start` is before the socket is there. */
  readonly at: string;
  /** `die` ends the process, `hang` never answers, `refuse` answers 400, `garble` answers no JSON, `slow` after 300 ms. */
  readonly what: "die" | "hang" | "refuse" | "garble" | "slow";
};

export type Asked = {
  readonly machine: string;
  readonly request: string;
  readonly body: unknown;
  readonly wrongs: readonly string[];
};

export class Control {
  readonly #dir: string;
  constructor(dir: string) {
    this.#dir = dir;
  }

  set trouble(trouble: Trouble | undefined) {
    writeFileSync(join(this.#dir, "trouble.json"), JSON.stringify(trouble ?? null));
  }

  troubleAt(request: string): Trouble["what"] | undefined {
    const trouble = this.#read<Trouble | null>("trouble.json", null);
    return trouble?.at === request ? trouble.what : undefined;
  }

  /** What the fake says its version is. */
  set version(version: string) {
    writeFileSync(join(this.#dir, "version.json"), JSON.stringify(version));
  }

  get version(): string {
    return this.#read("version.json", "1.10.1");
  }

  note(asked: Asked): void {
    appendFileSync(join(this.#dir, "asked.jsonl"), `${JSON.stringify(asked)}\n`);
  }

  /** All requests since the last call. */
  takeAsked(): Asked[] {
    const path = join(this.#dir, "asked.jsonl");
    let text = "";
    try {
      text = readFileSync(path, "utf8");
    } catch {
      // None yet.
    }
    writeFileSync(path, "");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Asked]));
  }

  #read<T>(name: string, otherwise: T): T {
    try {
      return JSON.parse(readFileSync(join(this.#dir, name), "utf8")) as T;
    } catch {
      return otherwise;
    }
  }
}
