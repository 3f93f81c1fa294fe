/** GET and POST /files of a real envd, run as root, for an ordinary user and for root. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { call, get, put, until } from "./files-harness";
import { openFds, rssMiB, startTestEnvd, type TestEnvd, USER } from "./harness";

let envd: TestEnvd;
beforeAll(async () => {
  envd = await startTestEnvd();
});
afterAll(() => envd[Symbol.asyncDispose]());

const home = (name: string): string => join(envd.home, name);

describe("POST /files", () => {
  it("answers with exactly path, name and type, and makes file and parents as the user's own", async () => {
    const response = await put(envd, "a/b/c.txt", { body: "hello" });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual([{ path: home("a/b/c.txt"), name: "c.txt", type: "file" }]);
    expect(readFileSync(home("a/b/c.txt"), "utf8")).toBe("hello");
    const file = statSync(home("a/b/c.txt"));
    expect([file.uid, file.gid, file.mode & 0o7777]).toEqual([USER.uid, USER.gid, 0o644]);
    const parent = statSync(home("a"));
    expect([parent.uid, parent.gid, parent.mode & 0o7777]).toEqual([USER.uid, USER.gid, 0o755]);
  });

  it("replaces longer content, and takes an empty body for an empty file", async () => {
    await put(envd, "r.txt", { body: "a long text" });
    await put(envd, "r.txt", { body: "b" });
    expect(readFileSync(home("r.txt"), "utf8")).toBe("b");
    await put(envd, "r.txt", { body: "" });
    expect(statSync(home("r.txt")).size).toBe(0);
  });

  it("keeps a part's whole filename and writes several parts", async () => {
    const form = new FormData();
    form.append("note", "skipped");
    form.append("file", new Blob(["one"]), "m/one.txt");
    form.append("file", new Blob(["two".repeat(200_000)]), home("m/two.txt"));
    form.append("file", new Blob([""]), "m/empty");
    const response = await fetch(`${envd.url}/files?username=user`, { method: "POST", body: form });
    expect(await response.json()).toEqual([
      { path: home("m/one.txt"), name: "one.txt", type: "file" },
      { path: home("m/two.txt"), name: "two.txt", type: "file" },
      { path: home("m/empty"), name: "empty", type: "file" },
    ]);
    expect(readFileSync(home("m/one.txt"), "utf8")).toBe("one");
    expect(readFileSync(home("m/two.txt"), "utf8")).toBe("two".repeat(200_000));
  });

  it("refuses a second part for the same path and keeps the first", async () => {
    const form = new FormData();
    form.append("file", new Blob(["first"]), "dup.txt");
    form.append("file", new Blob(["second"]), home("dup.txt"));
    const response = await fetch(`${envd.url}/files?username=user`, { method: "POST", body: form });
    expect(response.status).toBe(400);
    expect(readFileSync(home("dup.txt"), "utf8")).toBe("first");
  });

  it("decompresses gzip bodies, raw and multipart, and refuses broken ones and other codings", async () => {
    const headers = { "content-encoding": "gzip" };
    expect((await put(envd, "z.txt", { body: gzipSync("zipped"), headers })).status).toBe(200);
    expect(readFileSync(home("z.txt"), "utf8")).toBe("zipped");
    const form = new Response(
      (() => {
        const f = new FormData();
        f.append("file", new Blob(["in form"]), "zf.txt");
        return f;
      })(),
    );
    const type = form.headers.get("content-type") ?? "";
    const body = gzipSync(await form.bytes());
    const sent = await fetch(`${envd.url}/files?username=user`, {
      method: "POST",
      body,
      headers: { ...headers, "content-type": type },
    });
    expect(sent.status).toBe(200);
    expect(readFileSync(home("zf.txt"), "utf8")).toBe("in form");
    expect((await put(envd, "z2.txt", { body: gzipSync("zipped").subarray(0, 12), headers })).status).toBe(400);
    expect((await put(envd, "z2.txt", { body: "no gzip at all", headers })).status).toBe(400);
    expect((await put(envd, "z2.txt", { body: "x", headers: { "content-encoding": "br" } })).status).toBe(400);
  });

  it("says what is wrong with a request", async () => {
    const cases: [Promise<Response>, number, RegExp][] = [
      [put(envd, "", { body: "x" }), 400, /^path query parameter is required for raw body upload$/],
      [
        put(envd, "t", { body: "x", headers: { "content-type": "text/plain" } }),
        400,
        /^unsupported content type: text\/plain/,
      ],
      [put(envd, ".", { body: "x" }), 400, /is a directory$/],
      [put(envd, "a\0b", { body: "x" }), 400, /NUL/],
      [put(envd, "~other/x", { body: "x" }), 400, /cannot expand user-specific home dir/],
      [put(envd, "n".repeat(256), { body: "x" }), 400, /too long/],
      [put(envd, "a/b/c.txt/d", { body: "x" }), 400, /not a directory/],
      [put(envd, "x", { body: "x", user: "nobody-here" }), 401, /^error looking up user 'nobody-here': /],
      [put(envd, "/etc/sandlot-test", { body: "x" }), 403, /^permission denied: user 'user'/],
      [put(envd, "x", { body: "x", headers: { "content-type": "multipart/form-data" } }), 400, /boundary/],
      [put(envd, "x", { body: "x", headers: { "content-type": "multipart/form-data; boundary=b" } }), 400, /multipart/],
    ];
    for (const [pending, status, message] of cases) {
      const response = await pending;
      const body = (await response.json()) as { code: number; message: string };
      expect({ status: response.status, code: body.code }).toEqual({ status, code: status });
      expect(body.message).toMatch(message);
    }
    expect((await put(envd, "n".repeat(255), { body: "x" })).status).toBe(200);
  });

  it("answers early when the target is wrong, however large the body", async () => {
    const response = await put(envd, ".", { body: Buffer.alloc(20 << 20) });
    expect(response.status).toBe(400);
    expect((await put(envd, "after.txt", { body: "x" })).status).toBe(200);
  });

  it("replaces metadata as a set and shows it in entries", async () => {
    const headers = { "X-Metadata-Author": "me", "x-metadata-n": "1" };
    const response = await put(envd, "meta.txt", { body: "x", headers });
    const metadata = { author: "me", n: "1" };
    expect(await response.json()).toEqual([{ path: home("meta.txt"), name: "meta.txt", type: "file", metadata }]);
    const stat = await call(envd, "Stat", { path: "meta.txt" });
    expect((stat.body.entry as { metadata: unknown }).metadata).toEqual(metadata);
    await put(envd, "meta.txt", { body: "x", headers: { "x-metadata-n": "2" } });
    expect(((await call(envd, "Stat", { path: "meta.txt" })).body.entry as { metadata: unknown }).metadata).toEqual({
      n: "2",
    });
    await put(envd, "meta.txt", { body: "x" });
    expect((await call(envd, "Stat", { path: "meta.txt" })).body.entry).not.toHaveProperty("metadata");
    const long = await put(envd, "meta.txt", { body: "x", headers: { "x-metadata-n": "v".repeat(4096) } });
    expect([long.status, ((await long.json()) as { message: string }).message.slice(0, 18)]).toEqual([
      400,
      "invalid metadata: ",
    ]);
  });

  it("writes as root whatever root may, and follows a dangling symlink as open does", async () => {
    symlinkSync(home("made-by-link"), home("dangling"));
    expect((await put(envd, "dangling", { body: "x" })).status).toBe(200);
    expect(readFileSync(home("made-by-link"), "utf8")).toBe("x");
    writeFileSync(home("roots"), "r", { mode: 0o600 });
    expect((await put(envd, "roots", { body: "x" })).status).toBe(403);
    expect((await put(envd, home("roots"), { body: "y", user: "root" })).status).toBe(200);
    expect(readFileSync(home("roots"), "utf8")).toBe("y");
  });

  it("keeps every byte of concurrent uploads to one path from one of them", async () => {
    const bodies = Array.from({ length: 6 }, (_, i) => Buffer.alloc(3_000_000 + i * 100_000, 65 + i));
    const answers = await Promise.all(bodies.map((body) => put(envd, "race.bin", { body })));
    expect(answers.map((answer) => answer.status)).toEqual(bodies.map(() => 200));
    const content = readFileSync(home("race.bin"));
    expect(bodies.some((body) => body.equals(content))).toBe(true);
  });

  it("neither hangs nor leaks when the sender goes half-way", async () => {
    await put(envd, "warm.txt", { body: "x" });
    const before = openFds(envd.pid);
    for (const kind of ["raw", "chunked", "multipart"]) {
      for (let round = 0; round < 10; round += 1) await cutUpload(kind);
    }
    await until(() => openFds(envd.pid) <= before + 1, "descriptors closed");
    expect((await put(envd, "cut.bin", { body: "whole" })).status).toBe(200);
    expect(readFileSync(home("cut.bin"), "utf8")).toBe("whole");
  });
});

function cutUpload(kind: string): Promise<void> {
  const type = kind === "multipart" ? "multipart/form-data; boundary=b" : "application/octet-stream";
  const length = kind === "chunked" ? "Transfer-Encoding: chunked" : "Content-Length: 90000000";
  const start =
    kind === "multipart" ? '--b\r\nContent-Disposition: form-data; name="file"; filename="cut.bin"\r\n\r\n' : "";
  return new Promise((resolve, reject) => {
    const socket = connect(envd.port, "127.0.0.1", () => {
      socket.write(
        `POST /files?path=cut.bin&username=user HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\n${length}\r\n\r\n`,
      );
      const body = Buffer.concat([Buffer.from(start), Buffer.alloc(400_000, "a")]);
      socket.write(
        kind === "chunked" ? Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body]) : body,
        () => {
          setTimeout(() => {
            socket.destroy();
            resolve();
          }, 5);
        },
      );
    });
    socket.on("error", reject);
  });
}

describe("GET /files", () => {
  it("answers bytes, type, disposition, and a length of 0 for an empty file", async () => {
    await put(envd, "page.html", { body: "<p>hi" });
    const response = await get(envd, "page.html");
    expect(await response.text()).toBe("<p>hi");
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "content-disposition": "inline; filename=page.html",
      "content-length": "5",
      vary: "Accept-Encoding",
      "accept-ranges": "bytes",
    });
    await put(envd, "empty", { body: "" });
    for (const coding of ["identity", "gzip, deflate"]) {
      const empty = await get(envd, "empty", { headers: { "accept-encoding": coding } });
      expect([empty.status, empty.headers.get("content-length"), await empty.text()]).toEqual([200, "0", ""]);
    }
  });

  it("says what is wrong with a request", async () => {
    mkdirSync(home("dir"), { recursive: true });
    writeFileSync(home("secret"), "s", { mode: 0o600 });
    const cases: [Promise<Response>, number, string | RegExp][] = [
      [get(envd, "none"), 404, `path '${home("none")}' does not exist`],
      [get(envd, "dir"), 400, `path '${home("dir")}' is a directory`],
      [get(envd, "secret"), 403, /^permission denied/],
      [get(envd, "/etc/shadow"), 403, /^permission denied/],
      [get(envd, "/proc/1/root/etc/passwd"), 403, /^permission denied/],
      [get(envd, "x", { user: "who" }), 401, /^error looking up user 'who': /],
      [
        get(envd, "page.html", { headers: { "accept-encoding": "br, identity;q=0" } }),
        406,
        "no acceptable encoding found, supported: [gzip]",
      ],
      [
        get(envd, "page.html", { headers: { "accept-encoding": "gzip, identity;q=0", range: "bytes=0-1" } }),
        406,
        /^no acceptable/,
      ],
    ];
    for (const [pending, status, message] of cases) {
      const response = await pending;
      const body = (await response.json()) as { code: number; message: string };
      expect({ status: response.status, code: body.code }).toEqual({ status, code: status });
      expect(body.message).toMatch(
        message instanceof RegExp ? message : new RegExp(`^${message.replaceAll(/[[\]]/g, "\\$&")}$`),
      );
    }
    expect(await (await get(envd, home("secret"), { user: "root" })).text()).toBe("s");
  });

  it("serves ranges and conditions", async () => {
    writeFileSync(home("range.txt"), "0123456789");
    utimesSync(home("range.txt"), 1_700_000_000, 1_700_000_000);
    const date = new Date(1_700_000_000_000).toUTCString();
    const part = await get(envd, "range.txt", { headers: { range: "bytes=2-4" } });
    expect([part.status, part.headers.get("content-range"), await part.text()]).toEqual([206, "bytes 2-4/10", "234"]);
    expect(await (await get(envd, "range.txt", { headers: { range: "bytes=-3" } })).text()).toBe("789");
    const beyond = await get(envd, "range.txt", { headers: { range: "bytes=20-" } });
    expect([beyond.status, beyond.headers.get("content-range")]).toEqual([416, "bytes */10"]);
    const several = await get(envd, "range.txt", { headers: { range: "bytes=0-0,9-9" } });
    expect([several.status, several.headers.get("content-type")?.slice(0, 21)]).toEqual([206, "multipart/byteranges;"]);
    expect(await several.text()).toMatch(/bytes 0-0\/10[\s\S]*\r\n0\r\n[\s\S]*bytes 9-9\/10[\s\S]*\r\n9\r\n/);
    expect((await get(envd, "range.txt", { headers: { "if-modified-since": date } })).status).toBe(304);
    expect((await get(envd, "range.txt", { headers: { range: "bytes=0-0", "if-range": date } })).status).toBe(206);
    const changed = await get(envd, "range.txt", {
      headers: { range: "bytes=0-0", "if-range": new Date(0).toUTCString() },
    });
    expect([changed.status, changed.headers.get("last-modified")]).toEqual([200, date]);
  });

  it("answers gzip when asked, small and large", async () => {
    const text = "line of text\n".repeat(300_000);
    await put(envd, "big.txt", { body: text });
    const response = await fetch(`${envd.url}/files?path=big.txt&username=user`, {
      decompress: false,
      headers: { "accept-encoding": "gzip" },
    });
    expect([response.headers.get("content-encoding"), response.headers.get("content-type")]).toEqual([
      "gzip",
      "text/plain; charset=utf-8",
    ]);
    const bytes = await response.bytes();
    expect(bytes.length).toBeLessThan(text.length / 10);
    expect(gunzipSync(bytes).toString()).toBe(text);
    expect(await (await get(envd, "page.html", { headers: { "accept-encoding": "gzip, deflate" } })).text()).toBe(
      "<p>hi",
    );
  });

  it("reads files of /proc, whose size is 0, as the user", async () => {
    expect(await (await get(envd, "/proc/self/status", { user: "root" })).text()).toContain("VmRSS:");
    expect((await get(envd, "/proc/1/environ")).status).toBe(403);
    expect(await (await get(envd, "/proc/uptime")).text()).toMatch(/^[\d.]+ [\d.]+\n$/);
  });

  it("does not hang on a FIFO, a socket or a device, reading or writing", async () => {
    Bun.spawnSync(["mkfifo", "-m", "666", home("fifo")]);
    Bun.spawnSync(["mknod", "-m", "666", home("zero"), "c", "1", "5"]);
    for (const [path, user] of [
      ["fifo", "user"],
      ["zero", "user"],
      ["/dev/zero", "root"],
      ["/dev/kmsg", "root"],
    ] as const) {
      for (const response of [await get(envd, path, { user }), await put(envd, path, { body: "x", user })]) {
        expect([response.status, ((await response.json()) as { message: string }).message]).toEqual([
          400,
          expect.stringContaining("not a regular file"),
        ]);
      }
    }
  });

  it("streams a sparse gigabyte without growing, and lets go of the file when the reader leaves", async () => {
    Bun.spawnSync(["truncate", "-s", "1G", home("sparse")]);
    chmodSync(home("sparse"), 0o644);
    const before = openFds(envd.pid);
    let bytes = 0;
    let peakMiB = 0;
    for await (const chunk of (await get(envd, "sparse")).body ?? []) {
      bytes += chunk.length;
      if (bytes % (64 << 20) < chunk.length) peakMiB = Math.max(peakMiB, rssMiB(envd.pid));
    }
    expect(bytes).toBe(1 << 30);
    expect(peakMiB).toBeLessThan(200);
    for (let round = 0; round < 5; round += 1) {
      const stop = new AbortController();
      const body = (await get(envd, "sparse", { signal: stop.signal })).body?.getReader();
      await body?.read();
      stop.abort();
    }
    await until(() => openFds(envd.pid) <= before + 1, "descriptors closed");
  }, 60_000);

  it("answers for a file that is rewritten all the time with what is in it at the moment", async () => {
    const writer = Bun.spawn(["sh", "-c", 'while :; do echo 0123456789 > "$0"; done', home("tick")]);
    try {
      await until(() => existsSync(home("tick")), "the first line");
      for (const coding of ["gzip", "identity"]) {
        const headers = { "accept-encoding": coding };
        for (let round = 0; round < 300; round += 1) {
          const response = await get(envd, home("tick"), { headers, user: "root" });
          expect([response.status, ["", "0123456789\n"].includes(await response.text())]).toEqual([200, true]);
        }
      }
    } finally {
      writer.kill("SIGKILL");
      await writer.exited;
    }
  });

  it("answers HEAD without a body", async () => {
    const response = await get(envd, "big.txt", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
    expect(existsSync(home("big.txt"))).toBe(true);
  });
});
