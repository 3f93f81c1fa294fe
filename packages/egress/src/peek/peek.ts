/** What the first bytes of a connection tell: the protocol, and the name of the server that is meant. Pure. */
import { canonicalName } from "@sandlot/domain";
import type { Seen } from "../judge";
import { limits } from "../limits";
import { readClientHello } from "./client-hello";

const NAMELESS: Seen = { protocol: "tcp", name: undefined };
const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;

/** @param bytes all that has come so far, at least one */
export function peek(bytes: Buffer): Seen | "more" {
  const found = bytes[0] === 22 ? peekTls(bytes) : peekHttp(bytes);
  return found === "more" && bytes.length >= limits.peekBytes ? NAMELESS : found;
}

function peekTls(bytes: Buffer): Seen | "more" {
  const hello = readClientHello(bytes);
  if (hello === "more") return "more";
  if (hello === "not_tls") return NAMELESS;
  const { serverName } = hello;
  return { protocol: "tls", name: serverName === undefined ? undefined : canonicalName(serverName) };
}

/** A request line is recognised early, so that other protocols are not held up until their peers lose patience. */
function peekHttp(bytes: Buffer): Seen | "more" {
  const lineEnd = bytes.indexOf(10);
  const line = bytes.toString("latin1", 0, lineEnd < 0 ? Math.min(bytes.length, 8192) : lineEnd).trimEnd();
  const [method = "", target, version] = line.split(" ");
  if (!METHOD.test(method)) return NAMELESS;
  if (lineEnd < 0) return "more";
  if (target === undefined || version === undefined || !/^HTTP\/1\.[01]$/.test(version)) return NAMELESS;
  if (method === "CONNECT") return NAMELESS;
  const headEnd = bytes.indexOf("\r\n\r\n", 0, "latin1");
  const bareEnd = bytes.indexOf("\n\n", 0, "latin1");
  if (headEnd < 0 && bareEnd < 0) return "more";
  return { protocol: "http", name: hostOf(bytes.toString("latin1", 0, headEnd < 0 ? bareEnd : headEnd), target) };
}

function hostOf(head: string, target: string): string | undefined {
  const hosts = [...head.matchAll(/\n[Hh][Oo][Ss][Tt]:([^\r\n]*)/g)].map(([, value = ""]) => value.trim());
  if (hosts.length !== 1) return undefined;
  const absolute = /^https?:\/\/([^/?#]+)/i.exec(target)?.[1];
  return nameOfHost(absolute ?? hosts[0] ?? "");
}

/** `name` or `name:port`, canonical; undefined for addresses and everything else. */
export function nameOfHost(host: string): string | undefined {
  const match = /^([^:]+)(?::\d{1,5})?$/.exec(host);
  return match === null ? undefined : canonicalName(match[1] ?? "");
}
