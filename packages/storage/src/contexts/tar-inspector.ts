/**
 * Reads a tar's headers as its bytes go by, and refuses what no build context may hold. Nothing is unpacked: that happens inside
 * the sandbox that builds. It understands ustar, pax and GNU's long names, which is what the clients' libraries write.
 */
import { storageFaults } from "../faults";

export type ContextLimits = {
  /** Of all files together as they would lie unpacked. */
  readonly unpackedBytes: number;
  readonly entries: number;
  readonly pathBytes: number;
};

export const contextLimits: ContextLimits = {
  unpackedBytes: 20 * 1024 ** 3,
  entries: 500_000,
  pathBytes: 4_096,
};

const BLOCK = 512;
/** Extended headers are held whole. */
const META_BYTES = 1024 * 1024;

const FILE = "0";
const KINDS: Readonly<Record<string, string>> = {
  "3": "a character device",
  "4": "a block device",
  "6": "a pipe",
};

type Meta = { path?: string | undefined; linkpath?: string | undefined; size?: number | undefined };

export class TarInspector {
  readonly #limits: ContextLimits;
  readonly #links = new Set<string>();
  #held: Buffer = Buffer.alloc(0);
  #skipBytes = 0;
  #meta: { kind: string; pieces: Buffer[]; leftBytes: number } | undefined;
  #next: Meta = {};
  #isEnded = false;
  entries = 0;
  unpackedBytes = 0;

  constructor(limits: ContextLimits = contextLimits) {
    this.#limits = limits;
  }

  /** @throws Fault `storage_bad_context` */
  push(piece: Uint8Array): void {
    let data = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    while (data.length > 0 && !this.#isEnded) {
      if (this.#skipBytes > 0) {
        const taken = Math.min(this.#skipBytes, data.length);
        if (this.#meta !== undefined) this.#collect(data.subarray(0, taken));
        this.#skipBytes -= taken;
        data = data.subarray(taken);
        if (this.#skipBytes === 0 && this.#meta !== undefined) this.#applyMeta();
        continue;
      }
      const wanted = BLOCK - this.#held.length;
      this.#held = Buffer.concat([this.#held, data.subarray(0, wanted)]);
      data = data.subarray(wanted);
      if (this.#held.length < BLOCK) return;
      const header = this.#held;
      this.#held = Buffer.alloc(0);
      this.#readHeader(header);
    }
  }

  /** @throws Fault `storage_bad_context` when the archive stops before its end mark */
  end(): void {
    if (!this.#isEnded) refuse("it is cut off: its end is missing");
  }

  #collect(bytes: Buffer): void {
    const meta = this.#meta;
    if (meta === undefined || meta.leftBytes <= 0) return;
    meta.pieces.push(Buffer.from(bytes.subarray(0, meta.leftBytes)));
    meta.leftBytes -= bytes.length;
  }

  #readHeader(header: Buffer): void {
    if (header.every((byte) => byte === 0)) {
      this.#isEnded = true;
      return;
    }
    checkSum(header);
    const kind = String.fromCharCode(header[156] ?? 0).replace("\0", FILE);
    const sizeBytes = readNumber(header.subarray(124, 136));
    if (kind === "x" || kind === "g" || kind === "L" || kind === "K") {
      if (sizeBytes > META_BYTES) refuse("one of its extended headers is too long");
      this.#meta = { kind, pieces: [], leftBytes: sizeBytes };
      this.#skipBytes = padded(sizeBytes);
      if (this.#skipBytes === 0) this.#applyMeta();
      return;
    }
    const meta = this.#next;
    this.#next = {};
    this.#entry({
      kind,
      path: meta.path ?? readPath(header),
      target: meta.linkpath ?? readText(header.subarray(157, 257)),
      sizeBytes: meta.size ?? sizeBytes,
    });
  }

  #applyMeta(): void {
    const { kind, pieces } = this.#meta ?? { kind: "", pieces: [] };
    this.#meta = undefined;
    const bytes = Buffer.concat(pieces);
    if (kind === "L") this.#next.path = readText(bytes);
    else if (kind === "K") this.#next.linkpath = readText(bytes);
    else if (kind === "x") this.#next = { ...this.#next, ...readPax(bytes) };
    // Global headers name nothing that is looked at here.
  }

  #entry({ kind, path, target, sizeBytes }: { kind: string; path: string; target: string; sizeBytes: number }): void {
    this.entries += 1;
    if (this.entries > this.#limits.entries) refuse(`it has more than ${this.#limits.entries} entries`);
    const special = KINDS[kind];
    if (special !== undefined) refuse(`${shown(path)} is ${special}`);
    const clean = this.#checkPath(path, "name");
    if (kind === "1") this.#checkPath(target, "hard link");
    // What lies below a link of the archive itself would be written to where the link leads.
    for (let at = clean.indexOf("/"); at > 0; at = clean.indexOf("/", at + 1))
      if (this.#links.has(clean.slice(0, at))) refuse(`${shown(path)} lies below a link of the same archive`);
    if (kind === "2") this.#links.add(clean);
    else this.#links.delete(clean);
    const hasData = kind === FILE || kind === "7";
    if (!hasData) return;
    this.unpackedBytes += sizeBytes;
    if (this.unpackedBytes > this.#limits.unpackedBytes)
      refuse(`its files are larger than ${Math.round(this.#limits.unpackedBytes / 1024 ** 2)} MiB together`);
    this.#skipBytes = padded(sizeBytes);
  }

  #checkPath(path: string, what: string): string {
    if (path === "") refuse("an entry has no name");
    if (Buffer.byteLength(path) > this.#limits.pathBytes) refuse("a name is too long");
    if (path.includes("\0")) refuse("a name holds a zero byte");
    if (path.startsWith("/")) refuse(`${what} ${shown(path)} is absolute`);
    const parts = path.split("/").filter((part) => part !== "" && part !== ".");
    if (parts.includes("..")) refuse(`${what} ${shown(path)} leads out of the context`);
    return parts.join("/");
  }
}

function refuse(why: string): never {
  throw storageFaults.bad_context({ why });
}

function shown(path: string): string {
  return `'${path.slice(0, 200)}'`;
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK) * BLOCK;
}

function readText(field: Buffer): string {
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? field.length : end).toString("utf8");
}

function readPath(header: Buffer): string {
  const name = readText(header.subarray(0, 100));
  const prefix = header.subarray(257, 262).toString("latin1") === "ustar" ? readText(header.subarray(345, 500)) : "";
  // GNU's own variant keeps times where ustar has the prefix.
  const isGnu = header.subarray(257, 265).toString("latin1") === "ustar  \0";
  return prefix === "" || isGnu ? name : `${prefix}/${name}`;
}

function readNumber(field: Buffer): number {
  const first = field[0] ?? 0;
  if ((first & 0x80) === 0) {
    const text = field
      .toString("latin1")
      .replace(/[\0 ].*$/s, "")
      .trim();
    const value = text === "" ? 0 : Number.parseInt(text, 8);
    if (!Number.isSafeInteger(value) || value < 0) refuse("a size is not a number");
    return value;
  }
  let value = first & 0x7f;
  for (const byte of field.subarray(1)) value = value * 256 + byte;
  if (!Number.isSafeInteger(value) || first === 0xff) refuse("a size is out of range");
  return value;
}

function checkSum(header: Buffer): void {
  const said = Number.parseInt(header.subarray(148, 156).toString("latin1").trim(), 8);
  let sum = 8 * 32;
  for (let at = 0; at < BLOCK; at += 1) if (at < 148 || at >= 156) sum += header[at] ?? 0;
  if (said !== sum) refuse("it is not a tar archive, or it is damaged");
}

/** `<length> <key>=<value>\n`, lengths in bytes. */
function readPax(bytes: Buffer): Meta {
  const meta: Meta = {};
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(32, at);
    const length = Number(bytes.subarray(at, space).toString("latin1"));
    if (space < 0 || !Number.isInteger(length) || length < 5 || at + length > bytes.length)
      refuse("one of its extended headers is damaged");
    const record = bytes.subarray(space + 1, at + length - 1).toString("utf8");
    const equals = record.indexOf("=");
    const [key, value] = [record.slice(0, equals), record.slice(equals + 1)];
    if (key === "path") meta.path = value;
    else if (key === "linkpath") meta.linkpath = value;
    else if (key === "size") {
      if (!/^\d{1,15}$/.test(value)) refuse("a size is not a number");
      meta.size = Number(value);
    }
    at += length;
  }
  return meta;
}
