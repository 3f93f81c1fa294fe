import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AT_FDCWD, openDirectoryAt, readDirectory, removeAt } from "./files";
import { IN, Inotify, type InotifyEvent } from "./inotify";
import { getXattr, listXattrs, removeXattr, setXattr } from "./xattr";

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "sandlot-files-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function bytes(text: string): Buffer {
  return Buffer.from(text);
}

describe(readDirectory, () => {
  it("gives names as raw bytes with their kinds", () => {
    const odd = Buffer.from([0x61, 0xff, 0x0a]);
    writeFileSync(Buffer.concat([bytes(`${root}/`), odd]), "");
    mkdirSync(join(root, "d"));
    symlinkSync("nowhere", join(root, "l"));
    const fd = openDirectoryAt({ dirFd: AT_FDCWD, name: bytes(root) });
    const entries = readDirectory(fd).sort((a, b) => a.name.compare(b.name));
    closeSync(fd);
    expect(entries).toEqual([
      { name: odd, kind: "file" },
      { name: bytes("d"), kind: "directory" },
      { name: bytes("l"), kind: "symlink" },
    ]);
  });

  it("refuses to open a symlink in a directory's place", () => {
    symlinkSync("/", join(root, "l"));
    expect(() => openDirectoryAt({ dirFd: AT_FDCWD, name: bytes(join(root, "l")) })).toThrow("ENOTDIR");
  });

  it("removes entries relative to the directory", () => {
    mkdirSync(join(root, "d"));
    const fd = openDirectoryAt({ dirFd: AT_FDCWD, name: bytes(root) });
    expect(() => removeAt({ dirFd: fd, name: bytes("d"), isDirectory: false })).toThrow("EISDIR");
    removeAt({ dirFd: fd, name: bytes("d"), isDirectory: true });
    expect(readDirectory(fd)).toEqual([]);
    closeSync(fd);
  });
});

describe("extended attributes", () => {
  it("are set, listed, read and removed by descriptor and by path", () => {
    const path = join(root, "f");
    writeFileSync(path, "");
    const fd = openSync(path, "r+");
    setXattr(fd, "user.sandlot.a", bytes("1"));
    setXattr(bytes(path), "user.sandlot.b", Buffer.alloc(2000, "x"));
    expect(listXattrs(fd).sort()).toEqual(["user.sandlot.a", "user.sandlot.b"]);
    expect(getXattr(fd, "user.sandlot.b")?.length).toBe(2000);
    expect(getXattr(bytes(path), "user.sandlot.none")).toBeUndefined();
    removeXattr(fd, "user.sandlot.a");
    removeXattr(fd, "user.sandlot.a");
    expect(listXattrs(bytes(path))).toEqual(["user.sandlot.b"]);
    closeSync(fd);
  });

  it("are simply none where the file system has none", () => {
    expect(listXattrs(bytes("/proc/self/status"))).toEqual([]);
  });
});

describe(Inotify, () => {
  it("hands over queued events at once on drain, and later ones as they come", async () => {
    const seen: InotifyEvent[] = [];
    let told = (): void => undefined;
    const more = new Promise<void>((resolve) => {
      told = resolve;
    });
    using queue = new Inotify({
      onEvents: (events) => {
        seen.push(...events);
        if (seen.length >= 2) told();
      },
      onError: (thrown) => {
        throw thrown;
      },
    });
    const watch = queue.add(bytes(root), IN.CREATE | IN.DELETE);
    writeFileSync(join(root, "a"), "");
    queue.drain();
    expect(seen).toEqual([{ watch, mask: IN.CREATE, cookie: 0, name: bytes("a") }]);
    mkdirSync(join(root, "b"));
    await more;
    expect(seen[1]).toEqual({ watch, mask: IN.CREATE | IN.ISDIR, cookie: 0, name: bytes("b") });
  });
});
