import { FramingError } from "../http/framing";

/** How an HTTP/2 request's body is told apart from what follows once it is HTTP/1.1. */
export type BodyPlan = { readonly kind: "none" | "chunked" } | { readonly kind: "length"; readonly bytes: number };
export type Downgraded = { readonly head: Buffer; readonly body: BodyPlan; readonly method: string };

type Line = readonly [name: string, value: string];

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const PATH = /^(?:\/[\x21-\x7e\x80-\xff]*|\*)$/;
const AUTHORITY = /^[A-Za-z0-9._~\-[\]:]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const BAD_VALUE = /[\x00-\x08\x0a-\x1f\x7f]|[^\x00-\xff]/;
/** RFC 9113 §8.2.2: a message that has one of them is malformed. `te` may say trailers. */
const OF_CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);
const PSEUDO = new Set([":method", ":path", ":scheme", ":authority"]);
/** Written in a way of their own. */
const REWRITTEN = new Set(["host", "cookie", "content-length"]);

/**
 * An HTTP/2 request's head as HTTP/1.1. Nothing of it can add a line, end the head, or say another length than the body's.
 * @param raw names and values by turns, as they came
 * @throws FramingError with the status to answer
 */
export function downgradeHead(raw: readonly string[], hasBody: boolean): Downgraded {
  const { pseudo, lines } = sort(raw);
  const method = pseudo.get(":method") ?? "";
  const path = pseudo.get(":path") ?? "";
  if (method === "CONNECT") throw new FramingError("not a forward proxy", 405);
  if (!METHOD.test(method) || !PATH.test(path)) throw new FramingError("request line");
  const host = hostOf(pseudo.get(":authority"), lines);
  const lengths = valuesOf(lines, "content-length");
  const body = planBody(lengths, hasBody);
  const cookies = valuesOf(lines, "cookie");
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\n`;
  for (const [name, value] of lines) if (!REWRITTEN.has(name)) text += `${name}: ${value}\r\n`;
  if (cookies.length > 0) text += `cookie: ${cookies.join("; ")}\r\n`; // RFC 9113 §8.2.3
  if (body.kind === "chunked") text += "transfer-encoding: chunked\r\n";
  else if (lengths.length > 0) text += `content-length: ${lengths[0]}\r\n`;
  return { head: Buffer.from(`${text}\r\n`, "latin1"), body, method };
}

function sort(raw: readonly string[]): { pseudo: Map<string, string>; lines: Line[] } {
  const pseudo = new Map<string, string>();
  const lines: Line[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] as string;
    const value = String(raw[at + 1]).replace(/^[ \t]+|[ \t]+$/g, "");
    if (BAD_VALUE.test(value)) throw new FramingError("header value");
    if (name.startsWith(":")) {
      if (!PSEUDO.has(name) || pseudo.has(name) || lines.length > 0) throw new FramingError("pseudo header");
      pseudo.set(name, value);
      continue;
    }
    if (!NAME.test(name)) throw new FramingError("header name");
    const isBadTe = name === "te" && value.toLowerCase() !== "trailers";
    if (OF_CONNECTION.has(name) || isBadTe) throw new FramingError("a header of the connection");
    lines.push([name, value]);
  }
  return { pseudo, lines };
}

/** Of a request's end: they may say nothing that belongs into its head. RFC 9110 §6.5.1. */
const NOT_IN_TRAILERS = new Set([
  "host",
  "content-length",
  "content-encoding",
  "content-type",
  "cookie",
  "authorization",
  "te",
]);

/**
 * A chunked body's end with trailers.
 * @param raw as for `downgradeHead`
 * @throws FramingError
 */
export function downgradeTrailers(raw: readonly string[]): Buffer {
  const { pseudo, lines } = sort(raw);
  if (pseudo.size > 0) throw new FramingError("pseudo header");
  const kept = lines.filter(([name]) => !NOT_IN_TRAILERS.has(name)).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`0\r\n${kept.join("")}\r\n`, "latin1");
}

function valuesOf(lines: readonly Line[], wanted: string): string[] {
  return lines.filter(([name]) => name === wanted).map(([, value]) => value);
}

/** `:authority` and Host must not be able to name two sandboxes. */
function hostOf(authority: string | undefined, lines: readonly Line[]): string {
  const hosts = valuesOf(lines, "host");
  const [host] = hosts;
  if (hosts.length > 1) throw new FramingError("exactly one Host");
  if (authority !== undefined && host !== undefined && authority.toLowerCase() !== host.toLowerCase()) {
    throw new FramingError("Host and :authority differ");
  }
  const wanted = authority ?? host ?? "";
  if (!AUTHORITY.test(wanted)) throw new FramingError(":authority");
  return wanted;
}

function planBody(lengths: readonly string[], hasBody: boolean): BodyPlan {
  const [length] = lengths;
  if (length === undefined) return { kind: hasBody ? "chunked" : "none" };
  if (lengths.length > 1 || !/^[0-9]{1,15}$/.test(length)) throw new FramingError("Content-Length");
  const bytes = Number(length);
  if (!hasBody && bytes > 0) throw new FramingError("a body that is announced and missing");
  return hasBody ? { kind: "length", bytes } : { kind: "none" };
}
