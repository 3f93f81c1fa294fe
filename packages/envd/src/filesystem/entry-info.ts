/** One entry as clients see it. The rules are those of behaviour.md §2.5 "EntryInfo rules". */
import { type BigIntStats, closeSync, fstatSync, lstatSync, openSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type EntryInfo, EntryInfoSchema, FileType } from "@sandlot/contracts/envd/filesystem";
import { O_CLOEXEC, O_PATH } from "@sandlot/linux";
import { readMetadata } from "../files/metadata";
import type { Accounts } from "../users";
import { goModeString } from "./mode-string";

const PERMISSION_BITS = 0o777;

/** Names of owners, each looked up once; for the length of one answer. */
export class OwnerNames {
  readonly #accounts: Accounts;
  readonly #users = new Map<number, string>();
  readonly #groups = new Map<number, string>();
  constructor(accounts: Accounts) {
    this.#accounts = accounts;
  }
  user(uid: number): string {
    return remember(this.#users, uid, () => this.#accounts.userName(uid));
  }
  group(gid: number): string {
    return remember(this.#groups, gid, () => this.#accounts.groupName(gid));
  }
}

function remember(names: Map<number, string>, id: number, look: () => string): string {
  const known = names.get(id);
  if (known !== undefined) return known;
  const name = look();
  names.set(id, name);
  return name;
}

/**
 * Describes what stands at a path, without following a symlink there. Must run under the user's identity.
 * @param rawPath the path on disk; its bytes need not be UTF-8
 * @param shownPath the path to report, when it is not the same
 * @throws errno errors
 */
export function describeEntry(of: { rawPath: Buffer; shownPath?: string; owners: OwnerNames }): EntryInfo {
  const { rawPath, owners } = of;
  const stat = lstatSync(rawPath, { bigint: true });
  const path = of.shownPath ?? rawPath.toString("utf8");
  const mode = Number(stat.mode);
  const target = stat.isSymbolicLink() ? lookThrough(rawPath) : undefined;
  return create(EntryInfoSchema, {
    name: basename(path) || "/",
    path,
    type: target === undefined ? typeOf(stat) : target.type,
    size: stat.size,
    mode: (target?.mode ?? mode) & PERMISSION_BITS,
    permissions: goModeString(mode),
    owner: owners.user(Number(stat.uid)),
    group: owners.group(Number(stat.gid)),
    modifiedTime: timestampOf(stat.mtimeNs),
    ...(target === undefined ? {} : { symlinkTarget: target.path ?? path }),
    metadata: stat.isSymbolicLink() ? {} : readMetadata(rawPath),
  });
}

type LinkTarget = { readonly type: FileType; readonly mode?: number; readonly path?: string };

/** Where a symlink ends, found by one walk of the kernel; a broken one has neither type nor path. */
function lookThrough(rawPath: Buffer): LinkTarget {
  let place: number;
  try {
    place = openSync(rawPath, O_PATH | O_CLOEXEC);
  } catch {
    return { type: FileType.UNSPECIFIED };
  }
  try {
    const stat = fstatSync(place, { bigint: true });
    return { type: typeOf(stat), mode: Number(stat.mode), path: readlinkSync(`/proc/self/fd/${place}`) };
  } finally {
    closeSync(place);
  }
}

function typeOf(stat: BigIntStats): FileType {
  if (stat.isFile()) return FileType.FILE;
  return stat.isDirectory() ? FileType.DIRECTORY : FileType.UNSPECIFIED;
}

function timestampOf(ns: bigint): EntryInfo["modifiedTime"] {
  const wholeMs = ns >= 0n ? ns / 1_000_000n : -((-ns + 999_999n) / 1_000_000n);
  const timestamp = timestampFromMs(Number(wholeMs));
  timestamp.nanos += Number(ns - wholeMs * 1_000_000n);
  return timestamp;
}
