// D1, A6: the file API against paths, files and signatures made to hurt. (FIFOs, devices, names, swapped links, cut and
// concurrent uploads: e2e/files and envd's own tests.)
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { create, toPort } from "../e2e/support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});

test("D1 the user's calls reach what the user may, by whatever path", async () => {
  await sandbox.commands.run(
    "sudo sh -c 'echo secret > /root/secret; chmod 600 /root/secret'; ln -s /root/secret link; ln -s / up; ln -s /proc/1/root rootlink",
  );
  const paths = [
    "/root/secret",
    "../../root/secret",
    "link",
    "up/root/secret",
    "rootlink/root/secret",
    "/proc/self/root/root/secret",
    "/proc/1/root/root/secret",
    "/proc/1/environ",
    "/dev/../root/secret",
  ];
  for (const path of paths) {
    await assert.rejects(sandbox.files.read(path), (error) => !/secret\n/.test(error.message), path);
    await assert.rejects(sandbox.files.write(path, "evil"), undefined, path);
  }
  const systems = ["/etc/passwd", "/usr/lib/sandlot/envd", "/proc/sys/kernel/hostname", "/proc/1/mem"];
  for (const path of systems) await assert.rejects(sandbox.files.write(path, "evil"), undefined, path);
  for (const path of [...systems, "/dev/null"]) {
    await assert.rejects(sandbox.files.remove(path), undefined, path);
    await assert.rejects(sandbox.files.rename(path, "mine"), undefined, path);
  }
  assert.equal((await sandbox.commands.run("sudo cat /root/secret")).stdout, "secret\n");
});

test("D1 a hundred sparse gigabytes stream at a bounded cost and end with their reader", async () => {
  const rss = `sudo sh -c 'for p in /proc/[0-9]*; do case "$(readlink $p/exe)" in */sandlot/envd) grep VmRSS $p/status;; esac; done'`;
  const envdMiB = async () => Number(/(\d+) kB/.exec((await sandbox.commands.run(rss)).stdout)[1]) / 1024;
  // Larger than the disk: nothing but its size is there.
  await sandbox.commands.run("truncate -s 100G sparse");
  const before = await envdMiB();
  const stop = new AbortController();
  const answer = await toPort(sandbox.sandboxId, 49983, "/files?path=sparse", {
    headers: { "X-Access-Token": sandbox.envdAccessToken, "Accept-Encoding": "identity" },
    signal: stop.signal,
  });
  assert.equal(answer.status, 200);
  let readBytes = 0;
  for await (const piece of answer.body) {
    readBytes += piece.length;
    if (readBytes > 128 << 20) break;
  }
  stop.abort();
  const grown = (await envdMiB()) - before;
  assert.ok(grown < 64, `envd grew by ${Math.round(grown)} MiB`);
  const open = await sandbox.commands.run(
    "sudo sh -c 'sleep 1; ls -l /proc/[0-9]*/fd 2>/dev/null | grep -c sparse'; true",
  );
  assert.equal(open.stdout, "0\n");
});

test("D1 a hundred attributes and a directory of ten thousand names are told in time", async () => {
  const code = `import os
open("many","w").close()
n=0
try:
    for n in range(2000): os.setxattr("many", f"user.a{n}", b"x"*30)
except OSError: pass
print(n)
os.mkdir("wide")
for n in range(10000): open(f"wide/{n}-" + "\\u00fc"*40, "w").close()`;
  await sandbox.files.write("make.py", code);
  assert.ok(Number((await sandbox.commands.run("python3 make.py")).stdout) > 10);
  assert.equal((await sandbox.files.getInfo("many")).name, "many");
  const startedMs = Date.now();
  assert.equal((await sandbox.files.list("wide")).length, 10_000);
  assert.ok(Date.now() - startedMs < 20_000);
  await sandbox.files.remove("wide");
});

test("A6 a signature is for one path, user, verb and time", async () => {
  await sandbox.files.write("a.txt", "a");
  await sandbox.files.write("b.txt", "b");
  const url = new URL(await sandbox.downloadUrl("a.txt", { user: "user", useSignatureExpiration: 60 }));
  const ask = (change, options) => {
    const query = new URLSearchParams(url.searchParams);
    for (const [name, value] of Object.entries(change)) {
      if (value === undefined) query.delete(name);
      else query.set(name, value);
    }
    return toPort(sandbox.sandboxId, 49983, `/files?${query}`, options);
  };
  assert.equal((await ask({})).status, 200);
  const later = String(Number(url.searchParams.get("signature_expiration")) + 1_000);
  const changes = [
    { path: "b.txt" },
    { path: "/root/secret" },
    { username: "root" },
    { username: undefined },
    { signature_expiration: later },
    { signature_expiration: undefined },
    { signature_expiration: "1e99" },
    { signature: "" },
    { signature: "v1_" },
    { signature: url.searchParams.get("signature").toUpperCase() },
  ];
  for (const change of changes) {
    const answer = await ask(change);
    assert.ok([400, 401].includes(answer.status), `${JSON.stringify(change)}: ${answer.status}`);
  }
  for (const method of ["POST", "DELETE", "PUT"]) {
    const answer = await ask({}, { method, body: method === "DELETE" ? undefined : "evil" });
    assert.notEqual(answer.status, 200, method);
  }
  const twice = await toPort(sandbox.sandboxId, 49983, `/files?${url.searchParams}&path=b.txt`);
  assert.ok(
    twice.status !== 200 || (await twice.text()) === "a",
    "a second path is not served by the first's signature",
  );
  const neighbour = await create();
  await neighbour.files.write("a.txt", "theirs");
  assert.equal((await toPort(neighbour.sandboxId, 49983, `/files?${url.searchParams}`)).status, 401);
  assert.equal(await sandbox.files.read("a.txt"), "a");
});
