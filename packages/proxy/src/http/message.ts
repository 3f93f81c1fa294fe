import type { Answer } from "../proxy-request";
import { type Framing, FramingError } from "./framing";
import type { RequestHead, ResponseHead } from "./head";
import type { HeaderList } from "./headers";

type Line = readonly [name: string, value: string];

/** Never forwarded as they came; what is needed of them is written anew. */
const HOP_BY_HOP = new Set(["connection", "keep-alive", "proxy-connection", "upgrade"]);
/** Of a request: Host is written first. */
const NOT_FORWARDED = new Set([...HOP_BY_HOP, "host", "http2-settings"]);
/** What a Connection header must not be able to take away. */
const KEPT = new Set(["host", "content-length", "transfer-encoding", "te", "trailer"]);

/** @throws FramingError when two servers could read different bodies out of the request */
export function requestFraming(head: RequestHead): Framing {
  if (head.framing !== undefined) return head.framing;
  const { lowerNames } = head.headers;
  if (!lowerNames.includes("content-length") && !lowerNames.includes("transfer-encoding")) return { kind: "none" };
  const codings = head.headers.all("Transfer-Encoding");
  const lengths = head.headers.all("Content-Length");
  if (codings.length > 0) {
    if (lengths.length > 0 || head.minorVersion === 0) throw new FramingError("Transfer-Encoding is out of place");
    if (codings.length > 1 || codings[0]?.toLowerCase() !== "chunked") throw new FramingError("unknown coding", 501);
    return { kind: "chunked" };
  }
  if (lengths.length === 0) return { kind: "none" };
  return { kind: "length", bytes: parseLength(lengths) };
}

/** @throws FramingError */
export function responseFraming(head: ResponseHead, method: string): Framing {
  if (method === "HEAD" || head.status < 200 || head.status === 204 || head.status === 304) return { kind: "none" };
  const codings = head.headers.tokens("Transfer-Encoding");
  if (codings.length > 0) return codings.at(-1) === "chunked" ? { kind: "chunked" } : { kind: "close" };
  const lengths = head.headers.all("Content-Length");
  return lengths.length === 0 ? { kind: "close" } : { kind: "length", bytes: parseLength(lengths) };
}

function parseLength(lengths: readonly string[]): number {
  const [text = ""] = lengths;
  if (lengths.some((other) => other !== text) || !/^[0-9]{1,15}$/.test(text)) throw new FramingError("Content-Length");
  return Number(text);
}

/** The protocol that a request wants to change to. h2c is left out: it would carry requests past our checks. */
export function wantedUpgrade(headers: HeaderList): string | undefined {
  if (!headers.tokens("Connection").includes("upgrade")) return undefined;
  const upgrade = headers.get("Upgrade");
  return upgrade === undefined || /\bh2c?\b/i.test(upgrade) ? undefined : upgrade;
}

export function writeRequestHead(
  head: RequestHead,
  of: {
    host: string;
    /** In place of the client's. */
    target?: string | undefined;
    set: readonly Line[];
    drop?: readonly string[] | undefined;
    upgrade: string | undefined;
    keepAlive: boolean;
  },
): Buffer {
  const { lines, lowerNames } = head.headers;
  const replaced = of.set.map(([name]) => name.toLowerCase());
  const named = namedByConnection(head.headers);
  let text = `${head.method} ${of.target ?? head.target} HTTP/1.1\r\nHost: ${of.host}\r\n`;
  for (let at = 0; at < lines.length; at += 1) {
    const lower = lowerNames[at] as string;
    if (NOT_FORWARDED.has(lower) || named.includes(lower) || replaced.includes(lower)) continue;
    if (of.drop?.includes(lower) === true) continue;
    const [name, value] = lines[at] as Line;
    text += `${name}: ${value}\r\n`;
  }
  for (const [name, value] of of.set) text += `${name}: ${value}\r\n`;
  if (of.upgrade !== undefined) text += `Connection: Upgrade\r\nUpgrade: ${of.upgrade}\r\n`;
  else if (!of.keepAlive) text += "Connection: close\r\n";
  return Buffer.from(`${text}\r\n`, "latin1");
}

export function writeResponseHead(head: ResponseHead, of: { isDechunked: boolean; close: boolean }): Buffer {
  const { lines, lowerNames } = head.headers;
  const isChunked = lowerNames.includes("transfer-encoding");
  const named = namedByConnection(head.headers);
  let text = `HTTP/1.1 ${head.status} ${head.reason}\r\n`;
  for (let at = 0; at < lines.length; at += 1) {
    const lower = lowerNames[at] as string;
    if (HOP_BY_HOP.has(lower) || named.includes(lower)) continue;
    if (isChunked && (lower === "content-length" || (of.isDechunked && lower === "transfer-encoding"))) continue;
    const [name, value] = lines[at] as Line;
    text += `${name}: ${value}\r\n`;
  }
  if (head.status === 101) text += `Connection: Upgrade\r\nUpgrade: ${head.headers.get("Upgrade") ?? ""}\r\n`;
  else {
    if (head.status === 426) text += `Upgrade: ${head.headers.get("Upgrade") ?? ""}\r\n`;
    if (of.close && head.status >= 200) text += "Connection: close\r\n";
  }
  return Buffer.from(`${text}\r\n`, "latin1");
}

export function writeAnswer(answer: Answer, of: { method: string; close: boolean; nowMs: number }): Buffer {
  const body = Buffer.from(answer.body);
  const lines: Line[] = [
    ...answer.headers,
    ["Content-Length", String(body.length)],
    ["Date", new Date(of.nowMs).toUTCString()],
  ];
  if (of.close) lines.push(["Connection", "close"]);
  const head = writeHead(`HTTP/1.1 ${answer.status} ${REASONS[answer.status] ?? "Error"}`, lines);
  return of.method === "HEAD" ? head : Buffer.concat([head, body]);
}

/** Headers that a Connection header declares to be for this hop alone. */
function namedByConnection(headers: HeaderList): readonly string[] {
  if (!headers.lowerNames.includes("connection")) return [];
  return headers.tokens("Connection").filter((name) => !KEPT.has(name));
}

function writeHead(first: string, lines: readonly Line[]): Buffer {
  let text = `${first}\r\n`;
  for (const [name, value] of lines) text += `${name}: ${value}\r\n`;
  return Buffer.from(`${text}\r\n`, "latin1");
}

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  302: "Found",
  308: "Permanent Redirect",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};
