import { posix } from "node:path";
import type { EntryInfo } from "@sandlot/contracts/envd/filesystem";
import ssh2, { type Attributes, type SFTPWrapper } from "ssh2";
import type { Guest } from "../guest";
import { limits } from "../limits";
import { runSmall } from "../run-small";
import { attributesOf, longName } from "./attributes";
import { FileReader } from "./read-file";
import { ofMessage, SftpError, toStatus } from "./status";
import { FileWriter } from "./write-file";

const { OPEN_MODE, STATUS_CODE } = ssh2.utils.sftp;

/** What a login shell there would have: clients send the bits of their own files. */
const UMASK = 0o022;

type OpenFile = {
  readonly kind: "file";
  readonly path: string;
  readonly reader: FileReader | undefined;
  readonly writer: FileWriter | undefined;
  /** To be given once all is written. */
  readonly mode: number | undefined;
};
type OpenDirectory = { readonly kind: "directory"; left: EntryInfo[] };

/**
 * Serves SFTP version 3 over envd: the sandbox needs no program for it but coreutils, for what envd has no call for (modes, times,
 * links, writing into the middle of a file).
 */
export function serveSftp(sftp: SFTPWrapper, guest: Guest): void {
  const handles = new Map<number, OpenFile | OpenDirectory>();
  let nextHandle = 1;
  let home: Promise<string> | undefined;
  const homeOf = (): Promise<string> => {
    home ??= runSmall(guest, ["sh", "-c", 'printf %s "$HOME"']).then(({ out }) => (out.startsWith("/") ? out : "/"));
    return home;
  };
  const absolute = async (path: string): Promise<string> =>
    path.startsWith("/") ? posix.normalize(path) : posix.resolve(await homeOf(), path);

  /** Answers a request with what `work` does, or with its failure. */
  const on = <A extends unknown[]>(name: string, work: (id: number, ...rest: A) => Promise<void>): void => {
    sftp.on(
      name as "READ",
      ((id: number, ...rest: A) => {
        work(id, ...rest).catch((thrown: unknown) => {
          const { status, message } = toStatus(thrown);
          sftp.status(id, status, message);
        });
      }) as never,
    );
  };
  const ok = (id: number): void => void sftp.status(id, STATUS_CODE.OK);
  const keep = (id: number, what: OpenFile | OpenDirectory): void => {
    if (handles.size >= limits.handles) throw new SftpError(STATUS_CODE.FAILURE, "too many open files");
    const number = nextHandle;
    nextHandle += 1;
    handles.set(number, what);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(number);
    sftp.handle(id, handle);
  };
  const take = <K extends "file" | "directory">(handle: Buffer, kind: K) => {
    const what = handle.length === 4 ? handles.get(handle.readUInt32BE()) : undefined;
    if (what?.kind !== kind) throw new SftpError(STATUS_CODE.FAILURE, "no such handle");
    return what as Extract<OpenFile | OpenDirectory, { kind: K }>;
  };
  const look = async (path: string): Promise<EntryInfo> => {
    const { entry } = await guest.files.stat({ path: await absolute(path) });
    if (entry === undefined) throw new SftpError(STATUS_CODE.FAILURE, "no answer");
    return entry;
  };
  /** What a link leads to; a link that leads nowhere is no file. */
  const lookThrough = async (path: string): Promise<EntryInfo> => {
    const entry = await look(path);
    return entry.symlinkTarget === undefined ? entry : await look(entry.symlinkTarget);
  };
  const small = async (...argv: [string, ...string[]]): Promise<string> => {
    const { exitCode, out, err } = await runSmall(guest, argv);
    if (exitCode !== 0) throw ofMessage(err);
    return out;
  };
  const change = async (path: string, attributes: Partial<Attributes>): Promise<void> => {
    const { size, mode, uid, gid, mtime, atime } = attributes;
    if (size !== undefined) await small("truncate", "-s", String(size), "--", path);
    if (uid !== undefined && gid !== undefined) await small("chown", `${uid}:${gid}`, "--", path);
    if (mode !== undefined) await small("chmod", (mode & 0o7777).toString(8), "--", path);
    if (atime !== undefined) await small("touch", "-a", "-d", `@${Number(atime)}`, "--", path);
    if (mtime !== undefined) await small("touch", "-m", "-d", `@${Number(mtime)}`, "--", path);
  };

  sftp.on("end", () => {
    // What came of files that were still open is kept, as if a program had written them.
    for (const what of handles.values()) if (what.kind === "file") void what.writer?.close().catch(() => undefined);
    handles.clear();
    sayDone(sftp);
    sftp.end();
  });
  on("REALPATH", async (id, path: string) => {
    const filename = await absolute(path === "" ? "." : path);
    sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
  });
  on("STAT", async (id, path: string) => void sftp.attrs(id, attributesOf(await lookThrough(path), true)));
  on("LSTAT", async (id, path: string) => void sftp.attrs(id, attributesOf(await look(path), false)));
  on("FSTAT", async (id, handle: Buffer) => {
    sftp.attrs(id, attributesOf(await lookThrough(take(handle, "file").path), true));
  });
  on("OPENDIR", async (id, path: string) => {
    const { entries } = await guest.files.listDir({ path: await absolute(path), depth: 1 });
    keep(id, { kind: "directory", left: entries });
  });
  on("READDIR", async (id, handle: Buffer) => {
    const directory = take(handle, "directory");
    const some = directory.left.splice(0, limits.namesPerAnswer);
    if (some.length === 0) return void sftp.status(id, STATUS_CODE.EOF);
    const nowMs = Date.now();
    const names = some.map((entry) => ({
      ...{ filename: entry.name, longname: longName(entry, nowMs), attrs: attributesOf(entry, false) },
    }));
    sftp.name(id, names);
  });
  on("OPEN", async (id, name: string, flags: number, attributes: Partial<Attributes>) => {
    keep(id, await openFile(await absolute(name), flags, attributes));
  });
  on("READ", async (id, handle: Buffer, offset: number, length: number) => {
    const { reader } = take(handle, "file");
    if (reader === undefined) throw new SftpError(STATUS_CODE.PERMISSION_DENIED, "not opened for reading");
    const bytes = await reader.read(offset, length);
    if (bytes.length === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.data(id, bytes);
  });
  on("WRITE", async (id, handle: Buffer, offset: number, bytes: Buffer) => {
    const { writer } = take(handle, "file");
    if (writer === undefined) throw new SftpError(STATUS_CODE.PERMISSION_DENIED, "not opened for writing");
    await writer.write(offset, Buffer.from(bytes));
    ok(id);
  });
  on("CLOSE", async (id, handle: Buffer) => {
    const what = handles.get(handle.length === 4 ? handle.readUInt32BE() : 0);
    if (what === undefined) throw new SftpError(STATUS_CODE.FAILURE, "no such handle");
    handles.delete(handle.readUInt32BE());
    if (what.kind === "file" && what.writer !== undefined) {
      await what.writer.close();
      if (what.mode !== undefined) await change(what.path, { mode: what.mode });
    }
    ok(id);
  });
  on("SETSTAT", async (id, path: string, attributes: Partial<Attributes>) => {
    await change(await absolute(path), attributes);
    ok(id);
  });
  on("FSETSTAT", async (id, handle: Buffer, attributes: Partial<Attributes>) => {
    const { path, writer } = take(handle, "file");
    // What is on its way there would change the times again.
    await writer?.settle();
    await change(path, attributes);
    ok(id);
  });
  on("REMOVE", async (id, path: string) => {
    await small("unlink", await absolute(path));
    ok(id);
  });
  on("RMDIR", async (id, path: string) => {
    await small("rmdir", "--", await absolute(path));
    ok(id);
  });
  on("MKDIR", async (id, path: string, attributes: Partial<Attributes>) => {
    const mode = attributes.mode === undefined ? [] : ["-m", (attributes.mode & 0o777 & ~UMASK).toString(8)];
    await small("mkdir", ...mode, "--", await absolute(path));
    ok(id);
  });
  on("RENAME", async (id, from: string, to: string) => {
    const target = await absolute(to);
    // Version 3 has no overwriting rename.
    const isThere = await look(target).then(
      () => true,
      () => false,
    );
    if (isThere) throw new SftpError(STATUS_CODE.FAILURE, `${target} exists`);
    await small("mv", "-T", "--", await absolute(from), target);
    ok(id);
  });
  on("READLINK", async (id, path: string) => {
    const filename = (await small("readlink", "--", await absolute(path))).replace(/\n$/, "");
    sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
  });
  on("SYMLINK", async (id, link: string, target: string) => {
    await small("ln", "-s", "-T", "--", target, await absolute(link));
    ok(id);
  });

  async function openFile(path: string, flags: number, attributes: Partial<Attributes>): Promise<OpenFile> {
    const wants = (flag: number): boolean => (flags & flag) !== 0;
    const before = await lookThrough(path).catch((thrown: unknown) => {
      if (toStatus(thrown).status !== STATUS_CODE.NO_SUCH_FILE || !wants(OPEN_MODE.CREAT)) throw thrown;
      return undefined;
    });
    if (before !== undefined && wants(OPEN_MODE.EXCL)) throw new SftpError(STATUS_CODE.FAILURE, `${path} exists`);
    if (before !== undefined && (attributesOf(before, true).mode & 0o170000) === 0o040000) {
      throw new SftpError(STATUS_CODE.FAILURE, `${path} is a directory`);
    }
    const isReplaced = before === undefined || wants(OPEN_MODE.TRUNC);
    const isAppending = wants(OPEN_MODE.APPEND);
    const writer = wants(OPEN_MODE.WRITE) ? new FileWriter(guest, { path, isReplaced, isAppending }) : undefined;
    const mode = before === undefined && attributes.mode !== undefined ? attributes.mode & 0o777 & ~UMASK : undefined;
    return {
      kind: "file",
      path,
      reader: wants(OPEN_MODE.READ) ? new FileReader(guest, path) : undefined,
      writer,
      mode,
    };
  }
}

/** Exit code 0: scp takes a subsystem that ends without one for a failure, and ssh2 has no public call for it. */
function sayDone(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    _protocol?: { exitStatus(channel: number, code: number): void };
    outgoing?: { id: number };
  };
  if (protocol !== undefined && outgoing !== undefined) protocol.exitStatus(outgoing.id, 0);
}
