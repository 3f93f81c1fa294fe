import { FramingError } from "./framing";
import { HeaderList } from "./headers";

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const BAD_TEXT = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/;

/** @param text the head up to the CR LF of its last line, the first header line being at `from` */
export function parseLines(text: string, from: number, countMax: number): HeaderList {
  if (BAD_TEXT.test(text)) throw new FramingError("header line");
  const lines: (readonly [string, string])[] = [];
  const lowerNames: string[] = [];
  for (let at = from; at < text.length; ) {
    const end = text.indexOf("\r", at);
    // No CR or LF but as a line's end. (Not by a lookbehind, which the engine does not compile.)
    if (text.indexOf("\n", at) !== end + 1) throw new FramingError("header line");
    const colon = text.indexOf(":", at);
    if (lines.length === countMax) throw new FramingError("too many headers", 431);
    if (colon <= at || colon > end) throw new FramingError("header line");
    const name = text.slice(at, colon);
    lowerNames.push(lowerOf(name));
    // Most values have one space before them and none behind.
    const start = text.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1;
    const value = text.slice(start, end);
    lines.push([name, isPadded(text.charCodeAt(start)) || isPadded(text.charCodeAt(end - 1)) ? trim(value) : value]);
    at = end + 2;
  }
  return new HeaderList(lines, lowerNames);
}

function isPadded(code: number): boolean {
  return code === 32 || code === 9;
}

function trim(value: string): string {
  return value.replace(/^[ \t]+|[ \t]+$/g, "");
}

/** Names seen before: they need no second look. Bounded, since clients make names up. */
const KNOWN_NAMES = new Map<string, string>();
const KNOWN_NAMES_MAX = 1_024;

/** @throws FramingError when it is no header name */
function lowerOf(name: string): string {
  const known = KNOWN_NAMES.get(name);
  if (known !== undefined) return known;
  if (!TOKEN.test(name)) throw new FramingError("header line");
  const lower = name.toLowerCase();
  if (KNOWN_NAMES.size < KNOWN_NAMES_MAX && name.length <= 64) KNOWN_NAMES.set(name, lower);
  return lower;
}
