import { type EntryInfo, FileType } from "@sandlot/contracts/envd/filesystem";
import type { Attributes } from "ssh2";

const KIND = { link: 0o120000, directory: 0o040000, file: 0o100000 } as const;
/** Of `user`, whom envd gives files to. */
const DEFAULT_UID = 1_000;

/** @param isFollowed of what a link leads to; envd tells the kind and the bits of that, but the size of the link itself */
export function attributesOf(entry: EntryInfo, isFollowed: boolean): Attributes {
  const isLink = entry.symlinkTarget !== undefined && !isFollowed;
  const kind = isLink ? KIND.link : entry.type === FileType.DIRECTORY ? KIND.directory : KIND.file;
  const seconds = Number(entry.modifiedTime?.seconds ?? 0n);
  const id = (name: string): number => (/^\d+$/.test(name) ? Number(name) : name === "root" ? 0 : DEFAULT_UID);
  return {
    mode: kind | (isLink ? 0o777 : entry.mode),
    size: Number(entry.size),
    uid: id(entry.owner),
    gid: id(entry.group),
    atime: seconds,
    mtime: seconds,
  };
}

/** As `ls -l` writes it: people see this line. */
export function longName(entry: EntryInfo, nowMs: number): string {
  const attributes = attributesOf(entry, false);
  const time = new Date(attributes.mtime * 1000);
  // `Sun, 22 Nov 2026 02:45:00 GMT`
  const [, day = "", month = "", year = "", clock = ""] = time.toUTCString().split(" ");
  const isRecent = Math.abs(nowMs - time.getTime()) < 180 * 24 * 3_600_000;
  const when = `${month} ${day.replace(/^0/, "").padStart(2)} ${(isRecent ? clock.slice(0, 5) : year).padStart(5)}`;
  const name = entry.symlinkTarget === undefined ? entry.name : `${entry.name} -> ${entry.symlinkTarget}`;
  return [
    modeText(attributes.mode),
    "1".padStart(3),
    entry.owner.padEnd(8),
    entry.group.padEnd(8),
    String(attributes.size).padStart(10),
    when,
    name,
  ].join(" ");
}

function modeText(mode: number): string {
  const kind = mode & 0o170000;
  const first = kind === KIND.link ? "l" : kind === KIND.directory ? "d" : "-";
  const bits = [6, 3, 0].map((shift) => {
    const of = (mode >> shift) & 7;
    return `${of & 4 ? "r" : "-"}${of & 2 ? "w" : "-"}${of & 1 ? "x" : "-"}`;
  });
  return first + bits.join("");
}
