import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { before, test } from "node:test";
import { client, create, sandboxUrl, toPort } from "./support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});

test("writes and reads text, bytes, blobs and streams", async () => {
  const written = await sandbox.files.write("text.txt", "Grüße\n");
  assert.deepEqual(JSON.parse(JSON.stringify(written)), {
    name: "text.txt",
    path: "/home/user/text.txt",
    type: "file",
  });
  assert.equal(await sandbox.files.read("text.txt"), "Grüße\n");
  const data = randomBytes(300_000);
  await sandbox.files.write(
    "/home/user/deep/er/data.bin",
    data.buffer.slice(data.byteOffset, data.byteOffset + data.length),
  );
  const back = await sandbox.files.read("deep/er/data.bin", { format: "bytes" });
  assert.ok(Buffer.from(back).equals(data));
  await sandbox.files.write("blob.txt", new Blob(["from a blob"]));
  assert.equal(await (await sandbox.files.read("blob.txt", { format: "blob" })).text(), "from a blob");
  await sandbox.files.write("stream.txt", new Blob(["from a stream"]).stream());
  let streamed = "";
  const decoder = new TextDecoder();
  for await (const chunk of await sandbox.files.read("stream.txt", { format: "stream" }))
    streamed += decoder.decode(chunk);
  assert.equal(streamed, "from a stream");
  await sandbox.files.write("empty.txt", "");
  assert.equal(await sandbox.files.read("empty.txt"), "");
});

test("overwrites, and belongs to the user", async () => {
  await sandbox.files.write("over.txt", "a long first version");
  await sandbox.files.write("over.txt", "short");
  assert.equal(await sandbox.files.read("over.txt"), "short");
  const info = await sandbox.files.getInfo("over.txt");
  assert.deepEqual(
    [info.name, info.path, info.type, info.size, info.mode, info.permissions, info.owner, info.group],
    ["over.txt", "/home/user/over.txt", "file", 5, 0o644, "-rw-r--r--", "user", "user"],
  );
  assert.ok(Math.abs(info.modifiedTime.getTime() - Date.now()) < 60_000);
});

test("writes many files in one request, and gzip, and octet streams", async () => {
  const answers = await sandbox.files.write([
    { path: "many/one.txt", data: "1" },
    { path: "/tmp/many-two.txt", data: "2" },
  ]);
  assert.deepEqual(
    answers.map((answer) => answer.path),
    ["/home/user/many/one.txt", "/tmp/many-two.txt"],
  );
  await sandbox.files.write("zipped.txt", "z".repeat(100_000), { gzip: true });
  assert.equal((await sandbox.files.read("zipped.txt", { gzip: true })).length, 100_000);
  await sandbox.files.write("octets.txt", "raw", { useOctetStream: true });
  assert.equal(await sandbox.files.read("octets.txt"), "raw");
});

test("keeps metadata, replaced as a set", async () => {
  const written = await sandbox.files.write("meta.txt", "x", { metadata: { Author: "me", kind: "note" } });
  assert.deepEqual(written.metadata, { author: "me", kind: "note" });
  assert.deepEqual((await sandbox.files.getInfo("meta.txt")).metadata, { author: "me", kind: "note" });
  await sandbox.files.write("meta.txt", "x");
  assert.ok(!(await sandbox.files.getInfo("meta.txt")).metadata?.author);
});

test("makes, lists, renames and removes", async () => {
  assert.equal(await sandbox.files.makeDir("tree/b/c"), true);
  assert.equal(await sandbox.files.makeDir("tree/b/c"), false);
  await sandbox.files.write("tree/a.txt", "a");
  await sandbox.files.write("tree/b/d.txt", "d");
  assert.deepEqual(
    (await sandbox.files.list("tree")).map((entry) => [entry.name, entry.type]),
    [
      ["a.txt", "file"],
      ["b", "dir"],
    ],
  );
  assert.deepEqual(
    (await sandbox.files.list("tree", { depth: 3 })).map((entry) => entry.path.replace("/home/user/", "")),
    ["tree/a.txt", "tree/b", "tree/b/c", "tree/b/d.txt"],
  );
  const moved = await sandbox.files.rename("tree/a.txt", "tree/new/z.txt");
  assert.equal(moved.path, "/home/user/tree/new/z.txt");
  assert.equal(await sandbox.files.exists("tree/a.txt"), false);
  await sandbox.files.remove("tree");
  assert.equal(await sandbox.files.exists("tree"), false);
  await sandbox.files.remove("tree");
});

test("shows symlinks with their targets", async () => {
  await sandbox.commands.run("echo t > target.txt; ln -sf target.txt link.txt; ln -sfn nowhere broken.txt");
  const link = await sandbox.files.getInfo("link.txt");
  assert.equal(link.symlinkTarget, "/home/user/target.txt");
  assert.equal(link.type, "file");
  const broken = await sandbox.files.getInfo("broken.txt");
  assert.equal(broken.symlinkTarget, "/home/user/broken.txt");
});

test("what is missing, a directory, or not allowed gets its own error", async () => {
  await assert.rejects(sandbox.files.read("no-such-file"), client.NotFoundError);
  await assert.rejects(sandbox.files.read("/home/user"), client.InvalidArgumentError);
  await assert.rejects(sandbox.files.list("no-such-dir"), client.NotFoundError);
  await assert.rejects(sandbox.files.list("/etc/passwd"), client.InvalidArgumentError);
  await assert.rejects(sandbox.files.write("/home/user", "x"), client.InvalidArgumentError);
  await assert.rejects(sandbox.files.read("/etc/shadow"), client.SandboxError);
  assert.match(await sandbox.files.read("/etc/shadow", { user: "root" }), /root/);
});

test("odd names: dots, 255 bytes, newline, NUL", async () => {
  await sandbox.files.write("a/../dots.txt", "d");
  assert.equal(await sandbox.files.read("dots.txt"), "d");
  const long = "n".repeat(255);
  await sandbox.files.write(long, "long");
  assert.equal(await sandbox.files.read(long), "long");
  await assert.rejects(sandbox.files.write(`${long}n`, "x"), client.InvalidArgumentError);
  await sandbox.files.makeDir("new\nline");
  assert.ok((await sandbox.files.list(".")).some((entry) => entry.name === "new\nline"));
  const answer = await toPort(sandbox.sandboxId, 49983, `/files?path=${encodeURIComponent("nul\0byte")}`, {
    headers: { "X-Access-Token": sandbox.envdAccessToken },
  });
  assert.equal(answer.status, 400);
});

test("a name that is not UTF-8 neither breaks the list nor the service", async () => {
  await sandbox.commands.run(`mkdir -p bad && touch "bad/$(printf 'x\\377y')" bad/fine`);
  const names = (await sandbox.files.list("bad")).map((entry) => entry.name);
  assert.ok(names.includes("fine"));
  assert.equal(names.length, 2);
});

test("a FIFO does not hang anybody", async () => {
  await sandbox.commands.run("mkfifo pipe");
  await assert.rejects(
    sandbox.files.read("pipe", { requestTimeoutMs: 5_000 }),
    (error) => error.name !== "TimeoutError",
  );
  await assert.rejects(
    sandbox.files.write("pipe", "x", { requestTimeoutMs: 5_000 }),
    (error) => error.name !== "TimeoutError",
  );
  assert.equal(await sandbox.isRunning(), true);
});

test("a symlink swapped under the writer never lets the user write what root owns", async () => {
  await sandbox.commands.run(
    "mkdir -p race; sudo mkdir -p /guarded; echo secret | sudo tee /guarded/file >/dev/null; sudo chmod 700 /guarded",
  );
  const swapper = await sandbox.commands.run(
    "while true; do ln -sfn /guarded race/dir; rm -f race/dir; mkdir -p race/dir 2>/dev/null; rmdir race/dir 2>/dev/null; done",
    { background: true },
  );
  for (let round = 0; round < 40; round += 1) {
    await sandbox.files.write("race/dir/file", "owned").catch(() => undefined);
    const read = await sandbox.files.read("race/dir/file").catch(() => "");
    assert.ok(!read.includes("secret"));
  }
  await swapper.kill();
  assert.equal((await sandbox.commands.run("sudo cat /guarded/file")).stdout, "secret\n");
});

test("a full disk is 507, and room made is room again", async () => {
  const own = await create();
  const free = Number((await own.commands.run("df --output=avail -B1 / | tail -1")).stdout);
  assert.ok(free < 11 * 2 ** 30, "the disk is bounded");
  await own.commands.run(
    `sudo fallocate -l ${free - 20 * 2 ** 20} /big || sudo dd if=/dev/zero of=/big bs=1M count=${Math.floor(free / 2 ** 20) - 20} status=none`,
    { timeoutMs: 90_000 },
  );
  await assert.rejects(
    own.files.write("too-big.bin", "x".repeat(80 * 2 ** 20), { useOctetStream: true }),
    client.NotEnoughSpaceError,
  );
  await own.commands.run("sudo rm -f /big too-big.bin");
  await own.files.write("fits.txt", "x");
  await own.kill();
});

test("an upload cut half way leaves the service whole", async () => {
  const stop = new AbortController();
  const body = new ReadableStream({
    async pull(controller) {
      // The client does not cancel a body that it no longer sends: without an end of its own it keeps the test alive.
      if (stop.signal.aborted) return controller.close();
      controller.enqueue(new Uint8Array(64 * 1024));
      await new Promise((resolve) => setTimeout(resolve, 20));
    },
  });
  setTimeout(() => stop.abort(), 300);
  await assert.rejects(
    fetch(`${sandboxUrl}/files?path=cut.bin`, {
      method: "POST",
      body,
      duplex: "half",
      signal: stop.signal,
      headers: {
        "Content-Type": "application/octet-stream",
        "E2b-Sandbox-Id": sandbox.sandboxId,
        "E2b-Sandbox-Port": "49983",
        "X-Access-Token": sandbox.envdAccessToken,
      },
    }),
  );
  await sandbox.files.write("after-cut.txt", "fine");
  assert.equal(await sandbox.files.read("after-cut.txt"), "fine");
});

test("100 MB go up and come back whole", async () => {
  const data = randomBytes(100 * 2 ** 20);
  const sum = createHash("sha256").update(data).digest("hex");
  await sandbox.files.write("big.bin", new Blob([data]), { requestTimeoutMs: 120_000 });
  assert.equal((await sandbox.commands.run("sha256sum big.bin")).stdout.split(" ")[0], sum);
  const back = await sandbox.files.read("big.bin", { format: "bytes", requestTimeoutMs: 120_000 });
  assert.equal(createHash("sha256").update(back).digest("hex"), sum);
  await sandbox.files.remove("big.bin");
});

test("signed URLs need nothing but themselves, and nothing else passes", async () => {
  await sandbox.files.write("signed.txt", "signed");
  const signed = new URL(await sandbox.downloadUrl("signed.txt", { useSignatureExpiration: 60_000 }));
  const get = (query) => toPort(sandbox.sandboxId, 49983, `/files?${query}`);
  const good = await get(signed.searchParams);
  assert.equal(good.status, 200);
  assert.equal(await good.text(), "signed");
  const swapped = new URLSearchParams(signed.searchParams);
  swapped.set("path", "text.txt");
  assert.equal((await get(swapped)).status, 401);
  const cut = new URLSearchParams(signed.searchParams);
  cut.set("signature", cut.get("signature").slice(0, -2));
  assert.equal((await get(cut)).status, 401);
  assert.equal((await get("path=signed.txt")).status, 401);
  const replay = await toPort(sandbox.sandboxId, 49983, `/files?${signed.searchParams}`, {
    method: "POST",
    body: "evil",
    headers: { "Content-Type": "application/octet-stream" },
  });
  assert.equal(replay.status, 401);
  const old = new URL(await sandbox.downloadUrl("signed.txt", { useSignatureExpiration: -10 }));
  const late = await get(old.searchParams);
  assert.equal(late.status, 401);
  assert.match((await late.json()).message, /signature is already expired/);
  const upload = new URL(await sandbox.uploadUrl("up.txt", { useSignatureExpiration: 60_000 }));
  const form = new FormData();
  form.append("file", new Blob(["uploaded"]), "up.txt");
  const put = await toPort(sandbox.sandboxId, 49983, `/files?${upload.searchParams}`, { method: "POST", body: form });
  assert.equal(put.status, 200);
  assert.equal(await sandbox.files.read("up.txt"), "uploaded");
});
