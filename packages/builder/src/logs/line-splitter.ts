/** Bytes of a stream to lines, as they come: a line is handed on when it ends, when it is too long, or at the end. */
import { limits } from "../limits";

export class LineSplitter {
  readonly #decoder = new TextDecoder();
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  push(bytes: Uint8Array): void {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#hand(line);
    while (this.#rest.length > limits.lineChars) {
      this.#hand(this.#rest.slice(0, limits.lineChars));
      this.#rest = this.#rest.slice(limits.lineChars);
    }
  }

  end(): void {
    const last = this.#rest + this.#decoder.decode();
    this.#rest = "";
    if (last !== "") this.#hand(last);
  }

  /** A bar that draws itself anew with carriage returns leaves its last state. */
  #hand(line: string): void {
    const text = line.replace(/\r+$/, "");
    const shown = text.slice(text.lastIndexOf("\r") + 1);
    for (let at = 0; at === 0 || at < shown.length; at += limits.lineChars)
      this.#onLine(shown.slice(at, at + limits.lineChars));
  }
}
