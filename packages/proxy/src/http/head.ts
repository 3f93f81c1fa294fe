import { type Framing, FramingError } from "./framing";
import type { HeaderList } from "./headers";
import { parseLines } from "./lines";

/** Request line and headers, checked. */
export type RequestHead = {
  readonly method: string;
  readonly target: string;
  readonly host: string;
  readonly minorVersion: 0 | 1;
  readonly headers: HeaderList;
  /** How long its body is, where that is known already. */
  readonly framing?: Framing | undefined;
  /** Nothing in it is for this hop alone: no upgrade, no Connection but keep-alive, nothing to write anew. */
  readonly isPlain: boolean;
  /** As it came. */
  readonly bytes: Uint8Array;
  /** As it came, and `Connection: close`. Undefined where that takes more than a line. */
  readonly closingBytes?: Uint8Array | undefined;
};

export type ResponseHead = {
  readonly minorVersion: 0 | 1;
  readonly status: number;
  readonly reason: string;
  readonly headers: HeaderList;
  /** As in `RequestHead`. */
  readonly isPlain?: boolean | undefined;
};

const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}) ([\x21-\x7e\x80-\xff]+) HTTP\/1\.([01])$/;
const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?$/;
const HEAD_END = Buffer.from("\r\n\r\n");
const LINE_AND_EMPTY_LINE = Buffer.from("\n\r\n");
const TWO_LINE_ENDS = Buffer.from("\n\n");

/** Where the head ends in `bytes`, the empty line included; -1 when it is not all there. `from` has been looked at. */
export function findRequestEnd(bytes: Buffer, from: number): number {
  const at = bytes.indexOf(HEAD_END, Math.max(0, from - 3));
  return at < 0 ? -1 : at + 4;
}

/** As `findRequestEnd`, but guests may end lines with LF alone. */
export function findResponseEnd(bytes: Buffer, from: number): number {
  const since = Math.max(0, from - 2);
  const usual = bytes.indexOf(LINE_AND_EMPTY_LINE, since);
  const bare = bytes.indexOf(TWO_LINE_ENDS, since);
  if (bare >= 0 && (usual < 0 || bare < usual)) return bare + 2;
  return usual < 0 ? -1 : usual + 3;
}

/** @throws FramingError with the status to answer */
export function parseRequestHead(bytes: Buffer, countMax: number): RequestHead {
  const text = bytes.toString("latin1", 0, bytes.length - 2);
  const first = text.slice(0, text.indexOf("\r\n"));
  const line = REQUEST_LINE.exec(first);
  if (line === null) throw new FramingError("request line", / HTTP\/[2-9]/.test(first) ? 505 : 400);
  const headers = parseLines(text, first.length + 2, countMax);
  const minorVersion = line[3] === "1" ? 1 : 0;
  const hosts = headers.all("Host");
  if (hosts.length > 1 || (hosts.length === 0 && minorVersion === 1)) throw new FramingError("exactly one Host");
  const method = line[1] as string;
  if (method === "CONNECT") throw new FramingError("not a forward proxy", 405);
  const place = splitTarget(line[2] as string, hosts[0] ?? "");
  const isPlain = minorVersion === 1 && place.target === line[2] && !hasHopHeaders(headers);
  return { method, minorVersion, headers, target: place.target, host: place.host, isPlain, bytes };
}

/** @param end where the head ends in `bytes`
 * @throws FramingError */
export function parseResponseHead(bytes: Buffer, countMax: number, end = bytes.length): ResponseHead {
  const raw = bytes.toString("latin1", 0, end);
  // Lines that end in LF alone are made equal to the others before anything is read out of them.
  const whole = hasBareLf(raw) ? raw.replace(/\r?\n/g, "\r\n") : raw;
  const text = whole.slice(0, -2); // the empty line at the end
  const first = text.slice(0, text.indexOf("\r\n"));
  const { minorVersion, status, reason } = parseStatusLine(first);
  const headers = parseLines(text, first.length + 2, countMax);
  const isPlain = minorVersion === 1 && status >= 200 && whole === raw && !hasHopHeaders(headers);
  return { minorVersion, status, reason, headers, isPlain };
}

type StatusLine = Pick<ResponseHead, "minorVersion" | "status" | "reason">;

/** There are few of them; bounded, since guests may make reasons up. */
const KNOWN_STATUS_LINES = new Map<string, StatusLine>();
const KNOWN_STATUS_LINES_MAX = 256;

function parseStatusLine(first: string): StatusLine {
  const known = KNOWN_STATUS_LINES.get(first);
  if (known !== undefined) return known;
  const line = STATUS_LINE.exec(first);
  if (line === null) throw new FramingError("status line", 502);
  const parsed = { minorVersion: line[1] === "1" ? 1 : 0, status: Number(line[2]), reason: line[3] ?? "" } as const;
  if (KNOWN_STATUS_LINES.size < KNOWN_STATUS_LINES_MAX && first.length <= 64) KNOWN_STATUS_LINES.set(first, parsed);
  return parsed;
}

const FOR_ONE_HOP = new Set(["keep-alive", "proxy-connection", "upgrade", "http2-settings"]);

/** `Connection: keep-alive` alone is true of the next hop too. */
function hasHopHeaders({ lines, lowerNames }: HeaderList): boolean {
  for (let at = 0; at < lowerNames.length; at += 1) {
    const name = lowerNames[at] as string;
    if (name === "connection" ? lines[at]?.[1] !== "keep-alive" : FOR_ONE_HOP.has(name)) return true;
    // Both at once are put right by writing the head anew.
    if (name === "transfer-encoding" && lowerNames.includes("content-length")) return true;
  }
  return false;
}

function hasBareLf(text: string): boolean {
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) {
    if (text.charCodeAt(at - 1) !== 13) return true;
  }
  return false;
}

/** An absolute target says what the host is, whatever Host says; it goes on in origin form. */
function splitTarget(target: string, host: string): { target: string; host: string } {
  if (target.startsWith("/") || target === "*") return { target, host };
  const absolute = /^https?:\/\/([A-Za-z0-9._~\-[\]:]+)(|[/?#].*)$/i.exec(target);
  if (absolute === null) throw new FramingError("request target");
  const path = absolute[2] as string;
  return { host: absolute[1] as string, target: path.startsWith("/") ? path : `/${path}` };
}
