/** WatchDir and watchers of a real envd: exact events, recursion, bounds, and nothing left behind. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmdirSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { call, put, until, watchDir } from "./files-harness";
import { type Json, openFds, startTestEnvd, type TestEnvd, USER } from "./harness";

let envd: TestEnvd;
let dir: string;
beforeAll(async () => {
  envd = await startTestEnvd();
});
afterAll(() => envd[Symbol.asyncDispose]());
beforeEach(() => {
  dir = mkdtempSync(join(envd.home, "w-"));
  chownSync(dir, USER.uid, USER.gid);
});

type Event = { name: string; type: string; entry?: Json };

async function watcher(
  message: Json = {},
): Promise<{ id: string; events(): Promise<Event[]>; told(): Promise<string[]> }> {
  const { body } = await call(envd, "CreateWatcher", { path: dir, ...message });
  const id = String(body.watcherId);
  const events = async (): Promise<Event[]> =>
    ((await call(envd, "GetWatcherEvents", { watcherId: id })).body.events ?? []) as Event[];
  return { id, events, told: async () => (await events()).map(short) };
}

/** Makes a file with one write, or none: writeFileSync would also truncate, which is an event of its own. */
function touch(path: string, text = ""): void {
  const fd = openSync(path, "w");
  if (text !== "") writeSync(fd, text);
  closeSync(fd);
}

const short = ({ name, type }: Event): string => `${type.replace("EVENT_TYPE_", "")} ${name}`;

describe("a polled watcher", () => {
  it("tells at once what has happened, in order, and each event once", async () => {
    const { id, told } = await watcher();
    expect(id).toMatch(/^w[a-z0-9]{20}$/);
    touch(join(dir, "a"), "1");
    expect(await told()).toEqual(["CREATE a", "WRITE a"]);
    appendFileSync(join(dir, "a"), "2");
    chmodSync(join(dir, "a"), 0o600);
    renameSync(join(dir, "a"), join(dir, "b"));
    unlinkSync(join(dir, "b"));
    mkdirSync(join(dir, "d"));
    rmdirSync(join(dir, "d"));
    expect(await told()).toEqual(["WRITE a", "CHMOD a", "RENAME a", "CREATE b", "REMOVE b", "CREATE d", "REMOVE d"]);
    expect(await told()).toEqual([]);
    await put(envd, join(dir, "up"), { body: "x" });
    expect(await told()).toEqual(["CREATE up", "WRITE up"]);
    mkdirSync(join(dir, "sub"));
    touch(join(dir, "sub/unseen"));
    expect(await told()).toEqual(["CREATE sub"]);
    expect((await call(envd, "RemoveWatcher", { watcherId: id })).status).toBe(200);
    for (const method of ["GetWatcherEvents", "RemoveWatcher"]) {
      expect((await call(envd, method, { watcherId: id })).body).toEqual({
        code: "not_found",
        message: `watcher with id ${id} not found`,
      });
    }
  });

  it("follows a tree: what exists, what is made, what moves within, in and out", async () => {
    mkdirSync(join(dir, "old/deep"), { recursive: true });
    const outside = mkdtempSync(join(envd.home, "o-"));
    mkdirSync(join(outside, "in"));
    touch(join(outside, "in/carried"));
    const { told } = await watcher({ recursive: true });
    touch(join(dir, "old/deep/f"));
    expect(await told()).toEqual(["CREATE old/deep/f"]);
    mkdirSync(join(dir, "new/x/y"), { recursive: true });
    touch(join(dir, "new/x/y/early"), "1");
    const made = await told();
    expect(made.filter((event) => event.startsWith("CREATE"))).toEqual([
      "CREATE new",
      "CREATE new/x",
      "CREATE new/x/y",
      "CREATE new/x/y/early",
    ]);
    expect(made).toContain("WRITE new/x/y/early");
    touch(join(dir, "new/x/y/late"));
    expect(await told()).toEqual(["CREATE new/x/y/late"]);
    renameSync(join(dir, "new/x"), join(dir, "old/moved"));
    touch(join(dir, "old/moved/y/g"));
    expect(await told()).toEqual(["RENAME new/x", "CREATE old/moved", "CREATE old/moved/y/g"]);
    mkdirSync(join(dir, "new/x"));
    touch(join(dir, "new/x/again"));
    expect(await told()).toEqual(["CREATE new/x", "CREATE new/x/again"]);
    renameSync(join(outside, "in"), join(dir, "in"));
    expect(await told()).toEqual(["CREATE in", "CREATE in/carried"]);
    renameSync(join(dir, "old"), join(outside, "gone"));
    expect(await told()).toEqual(["RENAME old"]);
    touch(join(outside, "gone/deep/unseen"));
    await Bun.sleep(80);
    touch(join(outside, "gone/deep/unseen2"));
    expect(await told()).toEqual([]);
    rmSync(join(dir, "in"), { recursive: true });
    expect(await told()).toEqual(["REMOVE in/carried", "REMOVE in"]);
  });

  it("misses and doubles nothing in a storm of new trees", async () => {
    const { events } = await watcher({ recursive: true });
    const script = `cd ${dir}; for i in $(seq 40); do mkdir -p s$i/a/b; : > s$i/1; : > s$i/a/2; : > s$i/a/b/3; done`;
    const storm = Bun.spawn(["sh", "-c", script]);
    const seen: Event[] = [];
    while (storm.exitCode === null) {
      seen.push(...(await events()));
      await Bun.sleep(1);
    }
    seen.push(...(await events()));
    const created = seen.filter(({ type }) => type === "EVENT_TYPE_CREATE").map(({ name }) => name);
    const wanted = Array.from({ length: 40 }, (_, i) =>
      ["", "/a", "/a/b", "/1", "/a/2", "/a/b/3"].map((tail) => `s${i + 1}${tail}`),
    ).flat();
    expect(created.sort()).toEqual(wanted.sort());
  });

  it("adds entries where asked and where there still is one", async () => {
    const { events } = await watcher({ includeEntry: true });
    await put(envd, join(dir, "e.txt"), { body: "12", headers: { "x-metadata-k": "v" } });
    touch(join(dir, "gone"));
    unlinkSync(join(dir, "gone"));
    const seen = await events();
    const write = seen.find((event) => short(event) === "WRITE e.txt");
    expect(write?.entry).toMatchObject({
      name: "e.txt",
      path: join(dir, "e.txt"),
      size: "2",
      metadata: { k: "v" },
      owner: "user",
    });
    expect(seen.filter(({ name }) => name === "gone").map((event) => [short(event), event.entry])).toEqual([
      ["CREATE gone", undefined],
      ["REMOVE gone", undefined],
    ]);
  });

  it("tells the end of its directory, and breaks aloud when too much was held", async () => {
    const { id, told } = await watcher();
    rmdirSync(dir);
    expect((await told()).at(-1)).toBe("REMOVE .");
    await call(envd, "RemoveWatcher", { watcherId: id });
    mkdirSync(dir);
    const flooded = await watcher({ path: dir });
    const path = join(dir, "f");
    for (let round = 0; round < 3; round += 1) {
      for (let i = 0; i < 12_000; i += 1) {
        writeFileSync(path, "");
        if (i % 1000 === 0) await Bun.sleep(1);
        unlinkSync(path);
      }
    }
    const answer = await call(envd, "GetWatcherEvents", { watcherId: flooded.id }, { user: "root" });
    expect([answer.status, answer.body.code, answer.body.message]).toEqual([
      500,
      "internal",
      expect.stringContaining("events were lost"),
    ]);
    expect((await call(envd, "RemoveWatcher", { watcherId: flooded.id })).status).toBe(200);
  }, 60_000);
});

describe("WatchDir", () => {
  it("starts with start, streams events, and closes its queue when the reader leaves", async () => {
    const before = openFds(envd.pid);
    const stop = new AbortController();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of watchDir(envd, { path: dir }, { signal: stop.signal })) {
        if (message.start !== undefined) {
          seen.push("start");
          touch(join(dir, "a"), "1");
        }
        if (message.filesystem !== undefined) seen.push(short(message.filesystem as Event));
      }
    })().catch(() => undefined);
    await until(() => seen.length >= 3, "three messages");
    expect(seen).toEqual(["start", "CREATE a", "WRITE a"]);
    stop.abort();
    await reading;
    await until(() => openFds(envd.pid) <= before + 1, "descriptors closed");
  });

  it("keeps alive at the interval asked for, and ends at its deadline", async () => {
    const kinds: string[] = [];
    let error: string | undefined;
    const headers = { "keepalive-ping-interval": "1", "connect-timeout-ms": "1500" };
    for await (const message of watchDir(envd, { path: dir }, { headers })) {
      if (message.endOfStream) error = message.endOfStream.error?.code;
      else kinds.push(...Object.keys(message));
    }
    expect([kinds, error]).toEqual([["start", "keepalive"], "deadline_exceeded"]);
  });

  it("says what is wrong", async () => {
    const failure = async (path: string, user = "user"): Promise<unknown> => {
      for await (const message of watchDir(envd, { path }, { user })) return message.endOfStream?.error;
    };
    touch(join(dir, "file"));
    expect(await failure(join(dir, "none"))).toEqual({
      code: "not_found",
      message: `path not found: ${join(dir, "none")}`,
    });
    expect(await failure(join(dir, "file"))).toEqual({
      code: "invalid_argument",
      message: `path is not a directory: ${join(dir, "file")}`,
    });
    mkdirSync(join(dir, "closed"), { mode: 0o700 });
    expect(await failure(join(dir, "closed"))).toMatchObject({ code: "permission_denied" });
    expect(await failure(dir, "who")).toMatchObject({ code: "unauthenticated" });
    expect((await call(envd, "CreateWatcher", { path: `${basename(dir)}/none` })).body.code).toBe("not_found");
  });

  it.skipIf(Bun.which("lxcfs") === null)("refuses a FUSE mount unless allowed", async () => {
    const mount = join(dir, "fuse");
    mkdirSync(mount);
    const server = Bun.spawn(["lxcfs", "-f", "-p", join(envd.root, "lxcfs.pid"), mount], { stderr: "ignore" });
    try {
      await until(() => statfsSync(mount).type === 0x65735546, "FUSE mounted");
      const refused = await call(envd, "CreateWatcher", { path: mount }, { user: "root" });
      const message = `cannot watch path on network filesystem: ${mount}`;
      expect(refused.body).toEqual({ code: "invalid_argument", message });
      const allowed = await call(envd, "CreateWatcher", { path: mount, allowNetworkMounts: true }, { user: "root" });
      await call(envd, "RemoveWatcher", { watcherId: allowed.body.watcherId });
      expect(allowed.status).toBe(200);
    } finally {
      Bun.spawnSync(["umount", "-l", mount]);
      server.kill();
      await server.exited;
    }
  });
});
