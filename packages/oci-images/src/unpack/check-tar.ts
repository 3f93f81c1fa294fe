/** Reads a tar as it passes and refuses what must not be unpacked. The bytes themselves are not changed. */
import { Transform } from "node:stream";
import { imageFaults } from "../faults";
import { HEADER_BYTES, NAME_BYTES } from "../limits";
import { BLOCK, parseHeader, parsePax, type TarHeader, type TarType } from "./tar-headers";

export type TarLimits = { readonly entries: number; readonly unpackedBytes: number };

export type TarCheck = {
  /** For messages: `layer 2 of the image`. */
  readonly archive: string;
  /** Shared by the archives that are unpacked into one tree. */
  readonly budget: { entries: number; unpackedBytes: number };
  readonly limits: TarLimits;
  /** True where symlinks may point anywhere: in images they mean places of the image. */
  readonly allowsAbsoluteLinks: boolean;
};

/** A whiteout of a layer is an empty file of that name. */
const REFUSED: Partial<Record<TarType, string>> = {
  char: "is a device node",
  block: "is a device node",
  unknown: "is of an unknown type",
};

/** Why an entry is refused; undefined when it is fine. Pure. */
export function refusal(header: TarHeader, allowsAbsoluteLinks: boolean): string | undefined {
  const { link, name, type } = header;
  if (REFUSED[type] !== undefined) return REFUSED[type];
  if (name === "" || name.includes("\0")) return "has no proper name";
  if (Buffer.byteLength(name) > NAME_BYTES) return "has too long a name";
  if (name.startsWith("/")) return "has an absolute name";
  if (leaves(name)) return "lies outside of the archive";
  if (type === "hardlink" && (link.startsWith("/") || leaves(link)))
    return `is a link to '${link.slice(0, 100)}', outside of the archive`;
  if (type !== "symlink" || allowsAbsoluteLinks) return undefined;
  const target = link.startsWith("/") || leaves(`${name}/../${link}`);
  return target ? `is a link to '${link.slice(0, 100)}', outside of the archive` : undefined;
}

/** Whether a relative path climbs above where it starts. */
function leaves(path: string): boolean {
  let depth = 0;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    depth += part === ".." ? -1 : 1;
    if (depth < 0) return true;
  }
  return false;
}

/**
 * @returns a stream that passes its bytes on
 * @throws (as the stream's error) Fault `image_refused_entry`, `image_too_large`, `image_bad_archive`
 */
export function checkTar(check: TarCheck): Transform {
  const walker = new TarWalker(check);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      try {
        walker.take(chunk);
        done(null, chunk);
      } catch (thrown) {
        done(thrown as Error);
      }
    },
    flush(done) {
      try {
        walker.end();
        done();
      } catch (thrown) {
        done(thrown as Error);
      }
    },
  });
}

/** What an entry's extended headers say before it comes. */
type Extended = { path?: string; linkpath?: string; size?: number };

class TarWalker {
  readonly #check: TarCheck;
  /** Bytes of a header, or of an extended header's body, gathered over chunks. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #wanted = BLOCK;
  #state: "header" | "extended" | "body" | "ended" = "header";
  #extendedType: TarType = "pax";
  #extendedSize = 0;
  #next: Extended = {};
  #global: Extended = {};

  constructor(check: TarCheck) {
    this.#check = check;
  }

  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#state === "ended") return; // zeroes to the end of the last record
      const part = chunk.subarray(at, at + this.#wanted);
      at += part.length;
      this.#wanted -= part.length;
      if (this.#state !== "body") {
        this.#held.push(part);
        this.#heldBytes += part.length;
      }
      if (this.#wanted === 0) this.#whole();
    }
  }

  end(): void {
    const isCut = this.#state === "body" || this.#state === "extended" || this.#heldBytes > 0;
    if (isCut) throw this.#bad("it is cut off");
  }

  #bad(why: string): Error {
    return imageFaults.bad_archive({ archive: this.#check.archive, why });
  }

  #whole(): void {
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    this.#wanted = BLOCK;
    if (this.#state === "header") this.#header(bytes);
    else {
      if (this.#state === "extended") this.#extended(bytes.subarray(0, this.#extendedSize));
      this.#state = "header";
    }
  }

  #header(block: Buffer): void {
    let header: TarHeader | undefined;
    try {
      header = parseHeader(block);
    } catch (thrown) {
      throw this.#bad((thrown as Error).message);
    }
    if (header === undefined) {
      this.#state = "ended";
      return;
    }
    if (["pax", "pax_global", "long_name", "long_link"].includes(header.type)) this.#openExtended(header);
    else this.#entry(header);
  }

  #openExtended({ size, type }: TarHeader): void {
    if (size > HEADER_BYTES) throw this.#bad("an extended header is too large");
    this.#extendedType = type;
    this.#extendedSize = size;
    this.#skip(size, "extended");
  }

  #extended(bytes: Buffer): void {
    if (this.#extendedType === "long_name") this.#next.path = withoutEnd(bytes);
    else if (this.#extendedType === "long_link") this.#next.linkpath = withoutEnd(bytes);
    else {
      let fields: Record<string, string>;
      try {
        fields = parsePax(bytes);
      } catch (thrown) {
        throw this.#bad((thrown as Error).message);
      }
      const into = this.#extendedType === "pax" ? this.#next : this.#global;
      if (fields.path !== undefined) into.path = fields.path;
      if (fields.linkpath !== undefined) into.linkpath = fields.linkpath;
      if (fields.size !== undefined) into.size = Number(fields.size);
    }
  }

  #entry(plain: TarHeader): void {
    const {
      path: name = plain.name,
      linkpath: link = plain.link,
      size = plain.size,
    } = { ...this.#global, ...this.#next };
    this.#next = {};
    const { allowsAbsoluteLinks, archive, budget, limits } = this.#check;
    const why = refusal({ ...plain, name, link }, allowsAbsoluteLinks);
    if (why !== undefined) throw imageFaults.refused_entry({ archive, name: name.slice(0, 200), why });
    if (!Number.isSafeInteger(size) || size < 0) throw this.#bad("an entry's size is no number");
    budget.entries += 1;
    budget.unpackedBytes += plain.type === "file" ? size : 0;
    if (budget.entries > limits.entries)
      throw imageFaults.too_large({ what: archive, limit: `${limits.entries} entries` });
    if (budget.unpackedBytes > limits.unpackedBytes) {
      throw imageFaults.too_large({ what: archive, limit: `${limits.unpackedBytes} bytes unpacked` });
    }
    this.#skip(["file", "sparse"].includes(plain.type) ? size : 0, "body");
  }

  #skip(size: number, state: "extended" | "body"): void {
    if (size === 0) return;
    this.#wanted = Math.ceil(size / BLOCK) * BLOCK;
    this.#state = state;
  }
}

function withoutEnd(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}
