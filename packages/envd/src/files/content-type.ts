/** The media type of a file, by its extension or else by its first bytes, and the Content-Disposition of its name. */
import { extname } from "node:path";

const BY_EXTENSION: Readonly<Record<string, string>> = {
  ".avif": "image/avif",
  ".bmp": "image/bmp",
  ".bz2": "application/x-bzip2",
  ".css": "text/css; charset=utf-8",
  ".csv": "text/csv; charset=utf-8",
  ".gif": "image/gif",
  ".gz": "application/gzip",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/vnd.microsoft.icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".md": "text/markdown; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".tar": "application/x-tar",
  ".txt": "text/plain; charset=utf-8",
  ".wasm": "application/wasm",
  ".wav": "audio/x-wav",
  ".webm": "video/webm",
  ".webp": "image/webp",
  ".xml": "text/xml; charset=utf-8",
  ".zip": "application/zip",
  ".zst": "application/zstd",
};

const BY_MAGIC: readonly (readonly [magic: string, type: string])[] = [
  ["%PDF-", "application/pdf"],
  ["\x89PNG\r\n\x1a\n", "image/png"],
  ["\xff\xd8\xff", "image/jpeg"],
  ["GIF87a", "image/gif"],
  ["GIF89a", "image/gif"],
  ["BM", "image/bmp"],
  ["\x1f\x8b\x08", "application/x-gzip"],
  ["PK\x03\x04", "application/zip"],
  ["Rar!\x1a\x07", "application/x-rar-compressed"],
  ["\0asm", "application/wasm"],
  ["wOFF", "font/woff"],
  ["wOF2", "font/woff2"],
  ["ID3", "audio/mpeg"],
  ["OggS\0", "application/ogg"],
  ["\x1aE\xdf\xa3", "video/webm"],
];

const HTML_START =
  /^[\t\n\f\r ]*<(?:!doctype html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|!--)[\s>]/i;
const XML_START = /^[\t\n\f\r ]*<\?xml/;

export const SNIFF_BYTES = 512;

export function typeByExtension(name: string): string | undefined {
  return BY_EXTENSION[extname(name).toLowerCase()];
}

/** The type that the first bytes suggest; text unless a byte says binary. Rules of the WHATWG sniffing text, shortened. */
export function sniffType(head: Uint8Array): string {
  const start = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, SNIFF_BYTES)).toString("latin1");
  if (HTML_START.test(start)) return "text/html; charset=utf-8";
  if (XML_START.test(start)) return "text/xml; charset=utf-8";
  if (start.startsWith("\xff\xfe")) return "text/plain; charset=utf-16le";
  if (start.startsWith("\xfe\xff")) return "text/plain; charset=utf-16be";
  if (start.startsWith("RIFF") && start.slice(8, 14) === "WEBPVP") return "image/webp";
  const byMagic = BY_MAGIC.find(([magic]) => start.startsWith(magic));
  if (byMagic !== undefined) return byMagic[1];
  return isBinary(start) ? "application/octet-stream" : "text/plain; charset=utf-8";
}

function isBinary(start: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what tells binary from text
  return /[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(start);
}

/** `inline; filename=…`: bare if a token, quoted if ASCII, RFC 5987 otherwise. */
export function inlineDisposition(name: string): string {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return `inline; filename=${name}`;
  if (/^[\x20-\x7e]+$/.test(name)) return `inline; filename="${name.replaceAll(/["\\]/g, "\\$&")}"`;
  const encoded = encodeURIComponent(name.toWellFormed()).replaceAll(/['()*]/g, percentEncode);
  return `inline; filename*=utf-8''${encoded}`;
}

function percentEncode(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}
