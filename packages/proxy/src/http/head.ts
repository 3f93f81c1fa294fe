import { FramingError } from "./framing";
import { HeaderList } from "./headers";

/** Request line and headers, checked. */
export type RequestHead = {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly minorVersion: 0 | 1;
  readonly headers: HeaderList;
};

export type ResponseHead = {
  readonly minorVersion: 0 | 1;
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
};

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Where the head ends in `bytes`, the empty line included; -1 when it is not all there. `from` has been looked at. */
export function findRequestEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf("\r\n\r\n", Math.max(0, from - 3), "latin1");
  return at < 0 ? -1 : at + 4;
}

/** As `findRequestEnd`, but guests may end lines with LF alone. */
export function findResponseEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(10, Math.max(0, from - 2)); at >= 0; at = bytes.indexOf(10, at + 1)) {
    if (bytes[at + 1] === 10) return at + 2;
    if (bytes[at + 1] === 13 && bytes[at + 2] === 10) return at + 3;
  }
  return -1;
}

/** @throws FramingError with the status to answer */
export function parseRequestHead(bytes: Buffer, countMax: number): RequestHead {
  const [first = "", ...rest] = bytes.toString("latin1", 0, bytes.length - 4).split("\r\n");
  const line = REQUEST_LINE.exec(first);
  if (line === null) throw new FramingError("request line", / HTTP\/[2-9]/.test(first) ? 505 : 400);
  const headers = parseLines(rest, countMax);
  const minorVersion = line[3] === "1" ? 1 : 0;
  const hosts = headers.all("Host");
  if (hosts.length > 1 || (hosts.length === 0 && minorVersion === 1)) throw new FramingError("exactly one Host");
  const method = line[1] as string;
  if (method === "CONNECT") throw new FramingError("not a forward proxy", 405);
  return { method, minorVersion, headers, ...splitTarget(line[2] as string, hosts[0] ?? "") };
}

/** @throws FramingError */
export function parseResponseHead(bytes: Buffer, countMax: number): ResponseHead {
  const [first = "", ...rest] = bytes.toString("latin1").trimEnd().split(/\r?\n/);
  const line = STATUS_LINE.exec(first);
  if (line === null) throw new FramingError("status line", 502);
  const headers = parseLines(rest, countMax);
  return { minorVersion: line[1] === "1" ? 1 : 0, status: Number(line[2]), reason: line[3] ?? "", headers };
}

function parseLines(lines: readonly string[], countMax: number): HeaderList {
  if (lines.length > countMax) throw new FramingError("too many headers", 431);
  return new HeaderList(
    lines.map((line) => {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon);
      const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, "");
      if (colon < 1 || !TOKEN.test(name) || BAD_VALUE.test(value)) throw new FramingError("header line");
      return [name, value] as const;
    }),
  );
}

/** An absolute target says what the host is, whatever Host says; it goes on in origin form. */
function splitTarget(target: string, host: string): { target: string; host: string } {
  if (target.startsWith("/") || target === "*") return { target, host };
  const absolute = /^https?:\/\/([^/?#]+)(.*)$/i.exec(target);
  if (absolute === null) throw new FramingError("request target");
  const path = absolute[2] as string;
  return { host: absolute[1] as string, target: path.startsWith("/") ? path : `/${path}` };
}
