/** The filesystem service, compose and URL signatures of a real envd. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { signFileUrl } from "../src/files/signature";
import { call, get, installToken, put } from "./files-harness";
import { type Json, openFds, startTestEnvd, type TestEnvd, USER } from "./harness";

let envd: TestEnvd;
beforeAll(async () => {
  envd = await startTestEnvd();
});
afterAll(() => envd[Symbol.asyncDispose]());

const home = (name: string): string => join(envd.home, name);

function own(path: string): void {
  Bun.spawnSync(["chown", "-hR", `${USER.uid}:${USER.gid}`, path]);
}

describe("Stat", () => {
  it("describes a file, a directory and links", async () => {
    writeFileSync(home("s.txt"), "12345", { mode: 0o640 });
    chmodSync(home("s.txt"), 0o640);
    own(home("s.txt"));
    symlinkSync("s.txt", home("link"));
    symlinkSync("nowhere", home("broken"));
    const { body } = await call(envd, "Stat", { path: "s.txt" });
    expect(body.entry).toEqual({
      name: "s.txt",
      type: "FILE_TYPE_FILE",
      path: home("s.txt"),
      size: "5",
      mode: 0o640,
      permissions: "-rw-r-----",
      owner: "user",
      group: "user",
      modifiedTime: expect.stringMatching(/^20.*Z$/),
    });
    const link = (await call(envd, "Stat", { path: "link" })).body.entry;
    expect(link).toMatchObject({
      type: "FILE_TYPE_FILE",
      mode: 0o640,
      permissions: "Lrwxrwxrwx",
      symlinkTarget: home("s.txt"),
    });
    const broken = (await call(envd, "Stat", { path: "broken" })).body.entry as Json;
    expect(broken).toMatchObject({ path: home("broken"), symlinkTarget: home("broken"), permissions: "Lrwxrwxrwx" });
    expect(broken.type).toBeUndefined();
    expect((await call(envd, "Stat", { path: "/tmp" })).body.entry).toMatchObject({
      type: "FILE_TYPE_DIRECTORY",
      permissions: "dtrwxrwxrwx",
      mode: 0o777,
    });
    expect((await call(envd, "Stat", { path: "/dev/null" })).body.entry).toMatchObject({ permissions: "Dcrw-rw-rw-" });
    expect((await call(envd, "Stat", { path: "/" })).body.entry).toMatchObject({ name: "/", path: "/" });
  });

  it("says what is wrong", async () => {
    expect(await call(envd, "Stat", { path: "none" })).toMatchObject({
      status: 404,
      body: { code: "not_found", message: `file not found: ${home("none")}` },
    });
    expect(await call(envd, "Stat", { path: "x" }, { user: "who" })).toMatchObject({
      status: 401,
      body: { code: "unauthenticated", message: "invalid username: 'who'" },
    });
    expect((await call(envd, "Stat", { path: "/proc/1/root/etc" })).body.code).toBe("permission_denied");
    expect((await call(envd, "Stat", { path: "a\0b" })).body.code).toBe("invalid_argument");
    expect((await call(envd, "Stat", { path: "~other" })).body).toEqual({
      code: "invalid_argument",
      message: "cannot expand user-specific home dir",
    });
  });

  it("gives the first Python client the three fields it knows", async () => {
    const { body, headers } = await call(
      envd,
      "Stat",
      { path: "s.txt" },
      { headers: { "user-agent": "connect-python" } },
    );
    expect(body.entry).toEqual({ name: "s.txt", type: "FILE_TYPE_FILE", path: home("s.txt") });
    expect(headers.get("x-e2b-legacy-sdk")).toBe("true");
  });
});

describe("MakeDir", () => {
  it("makes parents as the user's own, and tells what is there already", async () => {
    const { status, body } = await call(envd, "MakeDir", { path: "d/e/f" });
    expect([status, body.entry]).toEqual([
      200,
      expect.objectContaining({ name: "f", type: "FILE_TYPE_DIRECTORY", permissions: "drwxr-xr-x", owner: "user" }),
    ]);
    expect(statSync(home("d")).uid).toBe(USER.uid);
    expect(await call(envd, "MakeDir", { path: "d/e/f" })).toMatchObject({
      status: 409,
      body: { code: "already_exists", message: `directory already exists: ${home("d/e/f")}` },
    });
    writeFileSync(home("plain"), "");
    expect((await call(envd, "MakeDir", { path: "plain" })).body.code).toBe("invalid_argument");
    expect((await call(envd, "MakeDir", { path: "plain/x" })).body.code).toBe("invalid_argument");
    expect((await call(envd, "MakeDir", { path: "/etc/sandlot-test" })).body.code).toBe("permission_denied");
    expect((await call(envd, "MakeDir", { path: "n".repeat(256) })).body.code).toBe("invalid_argument");
  });
});

describe("Move", () => {
  it("renames over what is there and makes parents", async () => {
    await put(envd, "from.txt", { body: "moved", headers: { "x-metadata-k": "v" } });
    const { body } = await call(envd, "Move", { source: "from.txt", destination: "new/place/to.txt" });
    expect(body.entry).toMatchObject({ path: home("new/place/to.txt"), metadata: { k: "v" } });
    await put(envd, "other.txt", { body: "other" });
    await call(envd, "Move", { source: "other.txt", destination: "new/place/to.txt" });
    expect(readFileSync(home("new/place/to.txt"), "utf8")).toBe("other");
    expect(await call(envd, "Move", { source: "none", destination: "x" })).toMatchObject({
      status: 404,
      body: { message: `source file not found: ${home("none")}` },
    });
    expect((await call(envd, "Move", { source: "new", destination: "new/inside" })).body.code).toBe("internal");
    expect((await call(envd, "Move", { source: "/etc/hostname", destination: "x" })).body.code).toBe(
      "permission_denied",
    );
  });
});

describe("Remove", () => {
  it("removes trees, links but not their targets, odd names, and what is missing", async () => {
    const deep = home(`tree/${"d/".repeat(150)}`);
    mkdirSync(deep, { recursive: true });
    for (let i = 0; i < 300; i += 1) writeFileSync(join(deep, `f${i}`), "");
    writeFileSync(Buffer.concat([Buffer.from(`${deep}/`), Buffer.from([0xff, 0x0a])]), "");
    mkdirSync(home("kept"));
    writeFileSync(home("kept/file"), "");
    symlinkSync(home("kept"), home("tree/link"));
    own(home("tree"));
    const before = openFds(envd.pid);
    expect((await call(envd, "Remove", { path: "tree" })).status).toBe(200);
    expect([existsSync(home("tree")), existsSync(home("kept/file"))]).toEqual([false, true]);
    expect((await call(envd, "Remove", { path: "tree" })).status).toBe(200);
    expect((await call(envd, "Remove", { path: "plain/below" })).status).toBe(200);
    expect((await call(envd, "Remove", { path: "" })).body.code).toBe("invalid_argument");
    expect((await call(envd, "Remove", { path: "/etc/hostname" })).body.code).toBe("permission_denied");
    expect(openFds(envd.pid)).toBeLessThanOrEqual(before + 1);
  });
});

describe("ListDir", () => {
  it("lists in lexical order, parents first, to the depth, not through links but the root's", async () => {
    mkdirSync(home("l/b/c/d"), { recursive: true });
    for (const name of ["l/B", "l/a.txt", "l/b.txt", "l/b/z", "l/b/c/y"]) writeFileSync(home(name), "");
    symlinkSync(home("l/b"), home("l/to-b"));
    symlinkSync(home("l"), home("to-l"));
    const list = async (path: string, depth: number): Promise<string[]> =>
      ((await call(envd, "ListDir", { path, depth })).body.entries as { path: string }[]).map((entry) => entry.path);
    const top = ["B", "a.txt", "b", "b.txt", "to-b"];
    expect(await list("l", 0)).toEqual(top.map((name) => home(`l/${name}`)));
    expect(await list("to-l", 1)).toEqual(top.map((name) => home(`to-l/${name}`)));
    expect(await list("l", 3)).toEqual(
      ["B", "a.txt", "b", "b/c", "b/c/d", "b/c/y", "b/z", "b.txt", "to-b"].map((name) => home(`l/${name}`)),
    );
  });

  it("says what is wrong, and is not upset by any name", async () => {
    expect((await call(envd, "ListDir", { path: "none" })).body).toEqual({
      code: "not_found",
      message: `path not found: ${home("none")}`,
    });
    expect((await call(envd, "ListDir", { path: "l/a.txt" })).body).toEqual({
      code: "invalid_argument",
      message: `path is not a directory: ${home("l/a.txt")}`,
    });
    symlinkSync("loop2", home("loop1"));
    symlinkSync("loop1", home("loop2"));
    expect((await call(envd, "ListDir", { path: "loop1" })).body.code).toBe("failed_precondition");
    mkdirSync(home("odd"));
    writeFileSync(Buffer.concat([Buffer.from(`${home("odd")}/`), Buffer.from([0x61, 0xff])]), "");
    writeFileSync(home("odd/new\nline"), "");
    Bun.spawnSync(["mkfifo", home("odd/pipe")]);
    const names = ((await call(envd, "ListDir", { path: "odd", depth: 5 })).body.entries as { name: string }[]).map(
      (entry) => entry.name,
    );
    expect(names.sort()).toEqual(["a\ufffd", "new\nline", "pipe"]);
    mkdirSync(home("closed/in"), { recursive: true });
    chmodSync(home("closed/in"), 0o700);
    expect((await call(envd, "ListDir", { path: "closed", depth: 3 })).body.entries).toHaveLength(1);
    expect((await call(envd, "ListDir", { path: "closed/in" })).body.code).toBe("permission_denied");
    expect((await call(envd, "ListDir", { path: home("closed/in") }, { user: "root" })).status).toBe(200);
  });
});

describe("symlinks swapped by another", () => {
  it("never lead a call of the user out of the user's rights", async () => {
    writeFileSync(join(envd.root, "private"), "private", { mode: 0o600 });
    const stop = Bun.spawn(
      [
        "sh",
        "-c",
        `cd ${envd.home}; while :; do ln -sfn ${envd.root}/private t; rm -f t; echo x > t 2>/dev/null; rm -f t; done`,
      ],
      { stderr: "ignore" },
    );
    try {
      const seen = new Set<number>();
      for (let round = 0; round < 150; round += 1) {
        const [read, wrote] = [await get(envd, "t"), await put(envd, "t", { body: "owned" })];
        seen.add(read.status).add(wrote.status);
        expect(await read.text()).not.toContain("private\n");
        await wrote.text();
      }
      expect([...seen].every((status) => [200, 403, 404].includes(status))).toBe(true);
      expect(readFileSync(join(envd.root, "private"), "utf8")).toBe("private");
    } finally {
      stop.kill("SIGKILL");
      await stop.exited;
    }
  }, 60_000);

  it("never lead a removal by root out of the tree", async () => {
    mkdirSync(join(envd.root, "precious"));
    writeFileSync(join(envd.root, "precious/file"), "");
    const stop = Bun.spawn(
      [
        "sh",
        "-c",
        `cd ${envd.home}; while :; do mkdir -p w/x/y; mv w/x w/real 2>/dev/null; ln -s ${envd.root}/precious w/x 2>/dev/null; rm -rf w/x w/real; done`,
      ],
      { stderr: "ignore" },
    );
    try {
      for (let round = 0; round < 150; round += 1) await call(envd, "Remove", { path: home("w") }, { user: "root" });
      expect(existsSync(join(envd.root, "precious/file"))).toBe(true);
    } finally {
      stop.kill("SIGKILL");
      await stop.exited;
    }
  }, 60_000);
});

describe("POST /files/compose", () => {
  const compose = (body: Json): Promise<Response> =>
    fetch(`${envd.url}/files/compose`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: "user", ...body }),
    });

  it("joins files in order, removes them, and leaves no temporary file", async () => {
    mkdirSync(home("c"));
    own(home("c"));
    await put(envd, "c/1", { body: "one " });
    await put(envd, "c/2", { body: "two".repeat(200_000) });
    const response = await compose({ source_paths: ["c/1", "c/2"], destination: "c/sub/all" });
    expect([response.status, await response.json()]).toEqual([
      200,
      { path: home("c/sub/all"), name: "all", type: "file" },
    ]);
    expect(readFileSync(home("c/sub/all"), "utf8")).toBe(`one ${"two".repeat(200_000)}`);
    expect([readdirSync(home("c")), readdirSync(home("c/sub"))]).toEqual([["sub"], ["all"]]);
    expect(lstatSync(home("c/sub/all")).uid).toBe(USER.uid);
  });

  it("says what is wrong and leaves the sources", async () => {
    await put(envd, "c/s", { body: "s" });
    symlinkSync(home("c/s"), home("c/alias"));
    const cases: [Json, number, RegExp][] = [
      [{ source_paths: [], destination: "x" }, 400, /source_paths/],
      [{ source_paths: ["c/s"] }, 400, /destination/],
      [{ source_paths: ["c/s"], destination: "c/s" }, 400, /is the destination/],
      [{ source_paths: ["c/s"], destination: "c/alias" }, 400, /is the destination/],
      [{ source_paths: ["c"], destination: "x" }, 400, /not a regular file/],
      [{ source_paths: ["c/none"], destination: "x" }, 404, /^source file not found: .*c\/none$/],
      [{ source_paths: ["c/s"], destination: "x", username: "who" }, 401, /^error looking up user 'who'/],
      [{ source_paths: ["c/s"], destination: "/etc/sandlot-test" }, 403, /^permission denied/],
      [{ source_paths: ["c/s"], destination: "c/sub" }, 400, /is a directory$/],
    ];
    for (const [body, status, message] of cases) {
      const response = await compose(body);
      expect([response.status, ((await response.json()) as { message: string }).message]).toEqual([
        status,
        expect.stringMatching(message),
      ]);
    }
    expect(readFileSync(home("c/s"), "utf8")).toBe("s");
    expect(readdirSync(home("c")).filter((name) => name.includes("e2b-compose"))).toEqual([]);
  });
});

describe("a full disk", () => {
  it("is 507 with the attempted size, and leaves envd well", async () => {
    const mount = join(envd.home, "small");
    mkdirSync(mount);
    expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", mount]).exitCode).toBe(0);
    try {
      const body = Buffer.alloc(3_000_000, 1);
      const full = await put(envd, "small/a", { body });
      expect([full.status, await full.json()]).toEqual([
        507,
        { code: 507, message: "attempted to write 3000000 bytes: not enough disk space available" },
      ]);
      await call(envd, "Remove", { path: "small/a" });
      await put(envd, "s1", { body: Buffer.alloc(900_000, 1) });
      await put(envd, "s2", { body: Buffer.alloc(900_000, 1) });
      const joined = await fetch(`${envd.url}/files/compose`, {
        method: "POST",
        body: JSON.stringify({ username: "user", source_paths: ["s1", "s2"], destination: "small/all" }),
      });
      expect(joined.status).toBe(507);
      expect([readdirSync(mount), existsSync(home("s1"))]).toEqual([[], true]);
      expect((await put(envd, "small/ok", { body: "fits" })).status).toBe(200);
    } finally {
      Bun.spawnSync(["umount", mount]);
    }
  });
});

describe("URL signatures", () => {
  it("open /files while a token is installed, and nothing else", async () => {
    await using locked = await startTestEnvd();
    await installToken(locked, "secret-token");
    const ask = (
      query: Record<string, string>,
      headers: Record<string, string> = {},
      method = "GET",
    ): Promise<Response> => fetch(`${locked.url}/files?${new URLSearchParams(query)}`, { method, headers });
    const message = async (response: Response): Promise<unknown> => [
      response.status,
      ((await response.json()) as Json).message,
    ];
    const of = { path: "f.txt", user: "user", token: "secret-token" };
    const target = { path: "f.txt", username: "user" };
    const future = String(Math.floor(Date.now() / 1000) + 60);
    const past = String(Math.floor(Date.now() / 1000) - 60);
    expect(await message(await ask(target))).toEqual([401, "missing signature query parameter"]);
    const read = signFileUrl({ ...of, operation: "read" });
    expect(read).toMatch(/^v1_[A-Za-z0-9+/]{43}$/);
    expect((await ask({ ...target, signature: read })).status).toBe(404);
    const upload = { "content-type": "application/octet-stream" };
    expect(await message(await ask({ ...target, signature: read }, upload, "POST"))).toEqual([
      401,
      "invalid signature",
    ]);
    expect(
      (await ask({ ...target, signature: signFileUrl({ ...of, operation: "write" }) }, upload, "POST")).status,
    ).toBe(200);
    expect(await message(await ask({ ...target, username: "root", signature: read }))).toEqual([
      401,
      "invalid signature",
    ]);
    expect(await message(await ask({ ...target, path: "/etc/passwd", signature: read }))).toEqual([
      401,
      "invalid signature",
    ]);
    const expiring = (expiry: string) => ({
      ...target,
      signature: signFileUrl({ ...of, operation: "read", expiry }),
      signature_expiration: expiry,
    });
    expect((await ask(expiring(future))).status).toBe(200);
    expect(await message(await ask(expiring(past)))).toEqual([401, "signature is already expired"]);
    expect(await message(await ask({ ...expiring(past), signature_expiration: future }))).toEqual([
      401,
      "invalid signature",
    ]);
    expect((await ask(target, { "x-access-token": "secret-token" })).status).toBe(200);
    expect(await message(await ask({ ...target, signature: read }, { "x-access-token": "wrong" }))).toEqual([
      401,
      "access token present in header but does not match",
    ]);
    const compose = await fetch(`${locked.url}/files/compose`, { method: "POST", body: "{}" });
    expect(compose.status).toBe(401);
    expect((await call(locked, "Stat", { path: "/" })).status).toBe(401);
  });
});
