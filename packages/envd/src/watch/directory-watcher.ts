/** Watches one directory, or the whole tree below it, and tells each change once, in the kernel's order. */
import { closeSync, constants, lstatSync, openSync } from "node:fs";
import { EventType } from "@sandlot/contracts/envd/filesystem";
import type { Clock } from "@sandlot/lifetime";
import {
  asUser,
  type DirectoryEntry,
  IN,
  Inotify,
  type InotifyEvent,
  isErrno,
  O_CLOEXEC,
  readDirectory,
} from "@sandlot/linux";
import type { User } from "../users";
import { watchFaults } from "./faults";
import { MOVE_SETTLE_MS, WATCHED_DIRECTORIES } from "./limits";
import { childPath, type RelativePath, WatchedTree } from "./watched-tree";

/** `rawPath` is where the entry stands on disk, by bytes; `name` is relative to the watched directory. */
export type Change = { readonly name: string; readonly type: EventType; readonly rawPath: Buffer };

const ENTRY_MASK = IN.CREATE | IN.DELETE | IN.MODIFY | IN.ATTRIB | IN.MOVED_FROM | IN.MOVED_TO;
const SELF_MASK = IN.DELETE_SELF | IN.MOVE_SELF;

/** In the order in which several operations of one event are told. */
const OPERATIONS: readonly (readonly [mask: number, type: EventType])[] = [
  [IN.CREATE | IN.MOVED_TO, EventType.CREATE],
  [IN.MOVED_FROM | IN.MOVE_SELF, EventType.RENAME],
  [IN.ATTRIB, EventType.CHMOD],
  [IN.MODIFY, EventType.WRITE],
  [IN.DELETE | IN.DELETE_SELF, EventType.REMOVE],
];

type MovedOut = { readonly watches: ReadonlyMap<number, RelativePath>; readonly timer: Disposable };

export type WatchOptions = {
  readonly user: User;
  readonly path: string;
  readonly isRecursive: boolean;
  readonly clock: Clock;
  readonly onChange: (change: Change) => void;
  /** Called once; the watcher is closed by then. */
  readonly onBroken: (thrown: unknown) => void;
};

export class DirectoryWatcher implements Disposable {
  readonly #of: WatchOptions;
  readonly #root: Buffer;
  readonly #tree = new WatchedTree();
  readonly #queue: Inotify;
  /** By rename cookie: directories that left their place and may yet turn up in another. */
  readonly #movedOut = new Map<number, MovedOut>();
  /** Entries told because a scan found them, whose own CREATE may still be in the queue. */
  readonly #toldByScan = new Set<RelativePath>();
  #isOpen = true;
  #isDraining = false;

  /**
   * All watches stand when this returns.
   * @throws errno errors about the directory; Fault `watch_no_watches`, `watch_too_many_directories`
   */
  constructor(of: WatchOptions) {
    this.#of = of;
    this.#root = Buffer.from(of.path);
    this.#queue = openQueue({ onEvents: (events) => this.#take(events), onError: (thrown) => this.#break(thrown) });
    try {
      asUser(of.user, () => this.#watch(""));
    } catch (thrown) {
      this[Symbol.dispose]();
      throw thrown;
    }
  }

  /** Tells everything that has happened by now, before it returns. */
  drain(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#queue.drain();
    this.#isDraining = false;
    // With the queue empty, no CREATE of what a scan has told can still come.
    this.#toldByScan.clear();
  }

  [Symbol.dispose](): void {
    this.#isOpen = false;
    for (const { timer } of this.#movedOut.values()) timer[Symbol.dispose]();
    this.#movedOut.clear();
    this.#queue[Symbol.dispose]();
  }

  #take(events: readonly InotifyEvent[]): void {
    try {
      for (const event of events) if (this.#isOpen) this.#takeOne(event);
      if (this.#toldByScan.size > 0) this.drain();
    } catch (thrown) {
      this.#break(thrown);
    }
  }

  #break(thrown: unknown): void {
    if (!this.#isOpen) return;
    this[Symbol.dispose]();
    this.#of.onBroken(thrown);
  }

  #takeOne(event: InotifyEvent): void {
    if (event.mask & IN.Q_OVERFLOW) throw watchFaults.kernel_overflow({});
    const parent = this.#tree.pathOf(event.watch);
    if (parent === undefined) return;
    if (event.mask & IN.IGNORED) this.#tree.delete(event.watch);
    else if (event.name.length > 0) this.#takeNamed(childPath(parent, event.name), event);
    // What happens to a directory below the root is told by its parent; only the root has to speak for itself.
    else if (parent === "") this.#tell(".", event.mask);
  }

  #takeNamed(path: RelativePath, event: InotifyEvent): void {
    if (event.mask & (IN.CREATE | IN.MOVED_TO) && this.#toldByScan.delete(path)) return;
    this.#tell(path, event.mask);
    if (event.mask & IN.ISDIR && this.#of.isRecursive) this.#follow(path, event);
    if (event.mask & (IN.DELETE | IN.MOVED_FROM)) this.#toldByScan.delete(path);
  }

  #tell(path: RelativePath, mask: number): void {
    const name = Buffer.from(path, "latin1");
    const rawPath = path === "." ? this.#root : this.#rawPath(path);
    for (const [operation, type] of OPERATIONS) {
      if (mask & operation) this.#of.onChange({ name: name.toString("utf8"), type, rawPath });
    }
  }

  /** Keeps the watches of the tree in step with its directories. */
  #follow(path: RelativePath, event: InotifyEvent): void {
    if (event.mask & IN.MOVED_FROM) this.#moveOut(path, event.cookie);
    const movedOut = event.mask & IN.MOVED_TO ? this.#movedOut.get(event.cookie) : undefined;
    if (movedOut !== undefined) {
      movedOut.timer[Symbol.dispose]();
      this.#movedOut.delete(event.cookie);
      this.#tree.graft(movedOut.watches, path);
    } else if (event.mask & (IN.CREATE | IN.MOVED_TO)) {
      const found = asUser(this.#of.user, () => this.#watch(path).map((at) => ({ at, isWritten: this.#hasBytes(at) })));
      const isNew = (event.mask & IN.CREATE) !== 0;
      for (const { at, isWritten } of found) this.#tellFound(at, isNew && isWritten);
    }
  }

  /** What a new directory holds already was created, and written if it has bytes, before our watch could see it. */
  #tellFound(path: RelativePath, isWritten: boolean): void {
    if (this.#toldByScan.has(path)) return;
    this.#toldByScan.add(path);
    this.#tell(path, isWritten ? IN.CREATE | IN.MODIFY : IN.CREATE);
  }

  #hasBytes(path: RelativePath): boolean {
    try {
      const stat = lstatSync(this.#rawPath(path));
      return stat.isFile() && stat.size > 0;
    } catch {
      return false; // Gone again, or out of the user's reach.
    }
  }

  #moveOut(path: RelativePath, cookie: number): void {
    const watches = this.#tree.prune(path);
    const timer = this.#of.clock.after(MOVE_SETTLE_MS, () => {
      this.#movedOut.delete(cookie);
      for (const watch of watches.keys()) if (this.#tree.pathOf(watch) === undefined) this.#queue.remove(watch);
    });
    this.#movedOut.set(cookie, { watches, timer });
  }

  /**
   * Watches a directory, and in recursive mode all below it. Each watch is set first and its directory read after it, so
   * that nothing made in between is missed. Runs under the user's identity.
   * @returns all that was found below, parents before children
   */
  #watch(path: RelativePath): RelativePath[] {
    const found: RelativePath[] = [];
    const pending: RelativePath[] = [path];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      for (const child of this.#watchOne(next)) {
        const childAt = childPath(next, child.name);
        found.push(childAt);
        if (child.kind === "directory") pending.push(childAt);
      }
    }
    return found;
  }

  #watchOne(path: RelativePath): DirectoryEntry[] {
    const isRoot = path === "";
    if (this.#tree.size >= WATCHED_DIRECTORIES) throw watchFaults.too_many_directories({ limit: WATCHED_DIRECTORIES });
    const rawPath = this.#rawPath(path);
    try {
      const link = isRoot ? 0 : IN.DONT_FOLLOW;
      const mask = ENTRY_MASK | IN.ONLYDIR | (isRoot ? SELF_MASK : 0) | link;
      this.#tree.set(this.#queue.add(rawPath, mask), path);
      return this.#of.isRecursive ? readChildren(rawPath) : [];
    } catch (thrown) {
      if (isErrno(thrown, "ENOSPC")) throw watchFaults.no_watches({});
      // Below the root, what is gone or closed to the user is passed over as a listing would.
      if (!isRoot && isErrno(thrown, "ENOENT", "ENOTDIR", "EACCES", "ELOOP")) return [];
      throw thrown;
    }
  }

  #rawPath(path: RelativePath): Buffer {
    if (path === "") return this.#root;
    const isSlashed = this.#root.at(-1) === 0x2f;
    return Buffer.concat([this.#root, Buffer.from(isSlashed ? path : `/${path}`, "latin1")]);
  }
}

function readChildren(rawPath: Buffer): DirectoryEntry[] {
  const fd = openSync(rawPath, constants.O_RDONLY | constants.O_DIRECTORY | O_CLOEXEC);
  try {
    return readDirectory(fd);
  } finally {
    closeSync(fd);
  }
}

function openQueue(of: ConstructorParameters<typeof Inotify>[0]): Inotify {
  try {
    return new Inotify(of);
  } catch (thrown) {
    throw isErrno(thrown, "EMFILE", "ENFILE") ? watchFaults.no_instances({}) : thrown;
  }
}
