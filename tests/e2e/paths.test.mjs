// Files by every way that clients have: odd names, deep and wide trees, URLs for others, other users, other places.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { client, create, pause, sandboxUrl, toPort } from "./support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});

/** A plain request to /files with the token. */
function files(query, options = {}, path = "/files") {
  return toPort(sandbox.sandboxId, 49983, `${path}?${new URLSearchParams(query)}`, {
    ...options,
    headers: { "X-Access-Token": sandbox.envdAccessToken, ...options.headers },
  });
}

/** The URL that the client made for a wildcard name, as it is asked with no such name: routed by headers. */
function byHeaders(url, options = {}) {
  const { pathname, search } = new URL(url);
  return fetch(`${sandboxUrl}${pathname}${search}`, {
    ...options,
    headers: { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "49983", ...options.headers },
  });
}

const NAMES = [
  "with space.txt",
  " leading and trailing ",
  "plus+percent%20amp&eq=semi;.txt",
  "quote'double\"back\\slash.txt",
  "hash#question?.txt",
  "grüße-日本語-😀.txt",
  "-rf",
  "*.txt",
  "$HOME `id`",
  "tab\tname",
  "...",
];

test("every name is the same name in each call", async () => {
  await sandbox.files.makeDir("names");
  for (const name of NAMES) {
    const written = await sandbox.files.write(`names/${name}`, name, { useOctetStream: true });
    assert.equal(written.path, `/home/user/names/${name}`);
    assert.equal(await sandbox.files.read(`names/${name}`), name);
    assert.equal((await sandbox.files.getInfo(`names/${name}`)).name, name);
    assert.equal(await sandbox.files.exists(`names/${name}`), true);
  }
  const listed = (await sandbox.files.list("names")).map((entry) => entry.name);
  assert.deepEqual([...listed].sort(), [...NAMES].sort());
  const found = await sandbox.commands.run("cd names && printf '%s\\0' * .??*");
  assert.deepEqual(found.stdout.split("\0").filter((name) => NAMES.includes(name)).length, NAMES.length);
  for (const name of NAMES) {
    await sandbox.files.rename(`names/${name}`, `names/moved/${name}`);
    await sandbox.files.remove(`names/moved/${name}`);
  }
  assert.deepEqual(await sandbox.files.list("names/moved"), []);
});

test("names in a form are kept whole, whatever is in them", async () => {
  for (const name of ["form/with space.txt", "form/grüße-日本語.txt", "form/semi;colon.txt"]) {
    const [written] = await sandbox.files.write([{ path: name, data: name }]);
    assert.equal(written.path, `/home/user/${name}`);
    assert.equal(await sandbox.files.read(name), name);
  }
});

test("paths: home, tilde, dots, absolute, another user's home", async () => {
  assert.equal((await sandbox.files.write("~/tilde.txt", "t")).path, "/home/user/tilde.txt");
  assert.equal((await sandbox.files.write("./x/../dots.txt", "d")).path, "/home/user/dots.txt");
  assert.equal((await sandbox.files.write("by-root.txt", "r", { user: "root" })).path, "/root/by-root.txt");
  assert.equal((await sandbox.files.getInfo("by-root.txt", { user: "root" })).owner, "root");
  await assert.rejects(sandbox.files.read("~root/by-root.txt"), client.InvalidArgumentError);
  await assert.rejects(sandbox.files.read("/root/by-root.txt"), client.SandboxError);
  await assert.rejects(sandbox.files.write("x", "x", { user: "no-such-user" }), client.AuthenticationError);
});

test("the user writes where users of such machines do, and is told where not", async () => {
  for (const dir of [
    "/tmp",
    "/var/tmp",
    "/home/user",
    "/code",
    "/usr/local",
    "/usr/local/bin",
    "/dev/shm",
    "",
    "/opt",
    "/mnt",
    "/srv",
  ]) {
    const path = `${dir}/made-here/file.txt`;
    await sandbox.files.write(path, "x");
    assert.equal(await sandbox.files.makeDir(`${dir}/made-here/dir`), true);
    const info = await sandbox.files.getInfo(path);
    assert.deepEqual([info.owner, info.permissions], ["user", "-rw-r--r--"], path);
    await sandbox.files.remove(`${dir}/made-here`);
  }
  for (const dir of ["/etc", "/usr/share", "/var/lib"]) {
    const path = `${dir}/made-here/file.txt`;
    await assert.rejects(sandbox.files.write(path, "x"), (error) => /permission denied/.test(error.message), path);
    await sandbox.files.write(path, "x", { user: "root" });
    assert.equal(await sandbox.files.read(path), "x");
  }
  await sandbox.commands.run("sudo chown user /etc/made-here");
  await sandbox.files.write("/etc/made-here/mine.txt", "x");
});

test("a wide directory and a deep one", async () => {
  await sandbox.commands.run("mkdir wide && cd wide && seq -f 'f%06g' 1 20000 | xargs touch", { timeoutMs: 60_000 });
  const entries = await sandbox.files.list("wide");
  assert.equal(entries.length, 20_000);
  assert.deepEqual([entries[0].name, entries.at(-1).name], ["f000001", "f020000"]);
  const deep = Array.from({ length: 60 }, (_, n) => `d${n}`).join("/");
  await sandbox.files.write(`deep/${deep}/bottom.txt`, "down here");
  assert.equal((await sandbox.files.list("deep", { depth: 100 })).length, 61);
  assert.equal((await sandbox.files.list("deep", { depth: 5 })).length, 5);
  await sandbox.files.remove("wide");
  await sandbox.files.remove("deep");
  assert.equal(await sandbox.files.exists("deep"), false);
});

test("five hundred files in one call", async () => {
  const all = Array.from({ length: 500 }, (_, n) => ({ path: `batch/${n % 7}/${n}.txt`, data: `content ${n}` }));
  const written = await sandbox.files.write(all);
  assert.equal(written.length, 500);
  assert.equal(await sandbox.files.read("batch/2/499.txt"), "content 499");
});

test("signed URLs take an upload by form and give a download, for a while and for one path only", async () => {
  const upload = await sandbox.uploadUrl("signed/with space ü.txt", { useSignatureExpiration: 60 });
  const form = new FormData();
  form.append("file", new Blob(["by form"]), "ignored.txt");
  const posted = await byHeaders(upload, { method: "POST", body: form });
  assert.equal(posted.status, 200);
  const download = await sandbox.downloadUrl("signed/with space ü.txt", { useSignatureExpiration: 60 });
  const answer = await byHeaders(download);
  assert.equal(await answer.text(), "by form");
  assert.match(answer.headers.get("content-disposition"), /inline; filename\*=utf-8''with%20space%20%C3%BC\.txt/);
  assert.equal((await byHeaders(download.replace("signature=v1_", "signature=v1_x"))).status, 401);
  assert.equal((await byHeaders(download, { method: "POST", body: form })).status, 401);
  const short = await sandbox.downloadUrl("signed/with space ü.txt", { useSignatureExpiration: 1 });
  await pause(2_500);
  const late = await byHeaders(short);
  assert.equal(late.status, 401);
  assert.match((await late.json()).message, /signature is already expired/);
  const missing = await byHeaders(await sandbox.downloadUrl("signed/none.txt", { useSignatureExpiration: 60 }));
  assert.equal(missing.status, 404);
});

test("ranges and conditions", async () => {
  await sandbox.files.write("range.bin", "0123456789");
  const get = (headers) => files({ path: "range.bin" }, { headers });
  const part = await get({ Range: "bytes=2-4", "Accept-Encoding": "identity" });
  assert.deepEqual([part.status, part.headers.get("content-range"), await part.text()], [206, "bytes 2-4/10", "234"]);
  assert.equal(await (await get({ Range: "bytes=-3" })).text(), "789");
  const many = await get({ Range: "bytes=0-1,8-9" });
  assert.match(many.headers.get("content-type"), /^multipart\/byteranges; boundary=/);
  const past = await get({ Range: "bytes=10-" });
  assert.deepEqual([past.status, past.headers.get("content-range")], [416, "bytes */10"]);
  const modified = (await get({ "Accept-Encoding": "identity" })).headers.get("last-modified");
  assert.equal((await get({ "If-Modified-Since": modified })).status, 304);
  assert.equal((await get({ Range: "bytes=0-0", "If-Range": modified })).status, 206);
  assert.equal((await get({ Range: "bytes=0-0", "If-Range": new Date(0).toUTCString() })).status, 200);
  assert.equal((await get({ Range: "bytes=0-0", "Accept-Encoding": "gzip, identity;q=0" })).status, 406);
});

test("gzip both ways, by hand", async () => {
  const text = "the same again. ".repeat(50_000);
  const sent = await files(
    { path: "packed.txt" },
    {
      method: "POST",
      body: gzipSync(text),
      headers: { "Content-Type": "application/octet-stream", "Content-Encoding": "gzip" },
    },
  );
  assert.equal(sent.status, 200);
  assert.equal(await sandbox.files.read("packed.txt"), text);
  const got = await files({ path: "packed.txt" }, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(got.headers.get("content-encoding"), "gzip");
  assert.equal(got.headers.get("content-length"), null);
  assert.equal(await got.text(), text);
  const odd = await files(
    { path: "packed.txt" },
    {
      method: "POST",
      body: "x",
      headers: { "Content-Type": "application/octet-stream", "Content-Encoding": "br" },
    },
  );
  assert.equal(odd.status, 400);
});

test("compose joins parts of an upload and takes them away", async () => {
  const parts = [0, 1, 2].map((n) => ({ path: `/tmp/part${n}`, data: randomBytes(400_000).toString("hex") }));
  await sandbox.files.write(parts);
  const body = JSON.stringify({ source_paths: parts.map(({ path }) => path), destination: "whole.txt" });
  const composed = await files(
    {},
    { method: "POST", body, headers: { "Content-Type": "application/json" } },
    "/files/compose",
  );
  assert.equal(composed.status, 200);
  assert.deepEqual(await composed.json(), { path: "/home/user/whole.txt", name: "whole.txt", type: "file" });
  assert.equal(await sandbox.files.read("whole.txt"), parts.map(({ data }) => data).join(""));
  assert.equal(await sandbox.files.exists("/tmp/part0"), false);
  const none = await toPort(sandbox.sandboxId, 49983, "/files/compose", { method: "POST", body });
  assert.equal(none.status, 401);
});

test("a refusal reaches a client that is still sending", async () => {
  const big = Buffer.alloc(30 * 2 ** 20, "x");
  const headers = { "Content-Type": "application/octet-stream" };
  for (const [query, asked, status] of [
    [{ path: "/etc/refused" }, headers, 403],
    [{ path: "/home/user" }, headers, 400],
    [{ path: "x", username: "nobody-here" }, headers, 401],
    [{ path: "x" }, { "Content-Type": "text/odd" }, 400],
    [{ path: "x" }, { ...headers, "X-Access-Token": "wrong" }, 401],
  ]) {
    const answer = await files(query, { method: "POST", body: big, headers: asked });
    assert.equal(answer.status, status, JSON.stringify(query));
    assert.equal((await answer.json()).code, status);
  }
});

test("writers of one file never mix, readers see one of them whole", async () => {
  const versions = ["a", "b", "c", "d"].map((letter) => letter.repeat(200_000));
  await sandbox.files.write("shared.txt", versions[0], { useOctetStream: true });
  let isOver = false;
  const reading = (async () => {
    while (!isOver) {
      const text = await sandbox.files.read("shared.txt");
      assert.ok(versions.includes(text), `${text.length} bytes of ${text[0]}…${text.at(-1)}`);
    }
  })();
  for (let round = 0; round < 5; round += 1) {
    await Promise.all(versions.map((text) => sandbox.files.write("shared.txt", text, { useOctetStream: true })));
  }
  isOver = true;
  await reading;
});
