/** Users and groups of the image, by parsing /etc/passwd and /etc/group: small images have no NSS, musl has none at all. */
import { readFileSync } from "node:fs";
import { type Identity, isErrno } from "@sandlot/linux";

export type User = Identity & { readonly name: string; readonly home: string; readonly shell: string };

export type AccountFiles = { readonly passwd: string; readonly group: string };

/** Reads the files anew on each question, since commands in the sandbox add users; both are small. */
export type Accounts = {
  /** By name, or by uid when no name matches and the text is a decimal number. */
  lookupUser(nameOrUid: string | number): User | undefined;
  /** The name of a uid, or the uid in decimal when nobody has it. */
  userName(uid: number): string;
  groupName(gid: number): string;
};

export const systemAccountFiles: AccountFiles = { passwd: "/etc/passwd", group: "/etc/group" };

export function openAccounts(files: AccountFiles = systemAccountFiles): Accounts {
  return {
    lookupUser(nameOrUid) {
      const wanted = String(nameOrUid);
      const rows = readRows(files.passwd);
      const row =
        rows.find((fields) => fields[0] === wanted) ??
        (/^\d+$/.test(wanted) ? rows.find((fields) => fields[2] === wanted) : undefined);
      return row === undefined ? undefined : parseUser(row, readRows(files.group));
    },
    userName: (uid) => nameOf(files.passwd, uid),
    groupName: (gid) => nameOf(files.group, gid),
  };
}

function parseUser(row: readonly string[], groups: readonly string[][]): User | undefined {
  const [name, , uidText, gidText, , home, shell] = row;
  const uid = Number(uidText);
  const gid = Number(gidText);
  if (!name || !isId(uid) || !isId(gid)) return undefined;
  const listed = groups.filter((fields) => fields[3]?.split(",").includes(name)).map((fields) => Number(fields[2]));
  return {
    name,
    uid,
    gid,
    groups: [...new Set([gid, ...listed.filter(isId)])],
    home: home || "/",
    shell: shell || "/bin/sh",
  };
}

function nameOf(file: string, id: number): string {
  const wanted = String(id);
  return readRows(file).find((fields) => fields[2] === wanted)?.[0] || wanted;
}

function readRows(file: string): string[][] {
  try {
    return readFileSync(file, "utf8")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.trimEnd().split(":"));
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return [];
    throw thrown;
  }
}

function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < 0xffff_ffff;
}
