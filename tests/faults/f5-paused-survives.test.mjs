// F5, and the promise of a pause: once it has been answered, everything may die at once, by force. What was saved comes
// back whole, what was damaged meanwhile is refused instead of being brought back wrong, and what the disk has lost comes out
// of the bucket behind it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ORACLE } from "../e2e/guest-programs.mjs";
import { pause, until } from "../e2e/support.mjs";
import { dropFrozen } from "./machines.mjs";
import { startOwnInstallation } from "./own-installation.mjs";

let own;
let bucket;
before(async () => {
  bucket = await startBucket();
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: "S3RVER", AWS_SECRET_ACCESS_KEY: "S3RVER" });
  own = await startOwnInstallation({ flags: ["--warm", "1", "--storage", `s3://artifacts?endpoint=${bucket.url}`] });
});
after(async () => {
  try {
    if (own !== undefined) assert.deepEqual(await own.end(), []);
  } finally {
    bucket?.end();
  }
});

/** The S3 server of the storage package's own tests. */
async function startBucket() {
  const directory = mkdtempSync(join(tmpdir(), "sandlot-bucket-"));
  const program = new URL("../../packages/storage/test/s3-server.mjs", import.meta.url).pathname;
  const child = spawn(process.execPath, ["--openssl-legacy-provider", program, directory, "artifacts"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [port] = String((await once(child.stdout, "data"))[0]).split(" ");
  return {
    url: `http://127.0.0.1:${port}`,
    directory,
    end() {
      child.kill("SIGKILL");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function ask(sandbox) {
  const headers = { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": "8000" };
  const answer = await fetch(own.connection.sandboxUrl, { headers });
  if (answer.status !== 200) throw new Error(`${answer.status}`);
  const [, asked, hash] = (await answer.text()).split(" ");
  return { asked: Number(asked), hash };
}

/** A sandbox whose memory and files can be told from any other's. */
async function makeCounter() {
  const sandbox = await own.create({ timeoutMs: 600_000 });
  await sandbox.files.write("/home/user/oracle.py", ORACLE);
  await sandbox.commands.run("python3 /home/user/oracle.py 4000000", { background: true, timeoutMs: 0 });
  const first = await until(() => ask(sandbox).catch(() => undefined), { what: "the first answer" });
  const words = `sleep 7${process.pid}${Math.floor(performance.now())}`;
  await sandbox.commands.run(words, { background: true, timeoutMs: 0 });
  await sandbox.commands.run(
    "head -c 3000000 /dev/urandom > /home/user/data && sha256sum /home/user/data > /home/user/sum",
  );
  return { sandbox, first, words };
}

const check = async (sandbox) => (await sandbox.commands.run("sha256sum -c /home/user/sum")).stdout.trim();
const resume = (sandbox) => sandbox.connect({ timeoutMs: 600_000, requestTimeoutMs: 60_000 });

test("everything is killed outright after an answered pause: memory, files and token come back", async () => {
  const { sandbox, first, words } = await makeCounter();
  await sandbox.pause();
  const pids = (await own.services()).map(({ pid }) => pid).filter((pid) => pid !== undefined);
  assert.ok(pids.length >= 6, `there are ${pids.length} processes`);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  assert.ok(await dropFrozen(words), "its frozen machine was there");
  await own.sandlot("up", "--detach");
  const info = await sandbox.getInfo();
  assert.equal(info.state, "paused");
  await resume(sandbox);
  const again = await until(() => ask(sandbox).catch(() => undefined), { what: "an answer after the resume" });
  assert.deepEqual(again, { asked: first.asked + 1, hash: first.hash });
  assert.equal(await check(sandbox), "/home/user/data: OK");
  assert.equal((await sandbox.commands.run("pgrep -f 'sleep 7'")).exitCode, 0);
  await sandbox.kill();
});

/** Files of the youngest build with memory. */
function youngestBuild() {
  const builds = join(own.dataDir, "artifacts/builds");
  const [youngest] = readdirSync(builds)
    .filter((id) => readdirSync(join(builds, id)).includes("memory"))
    .sort((a, b) => statSync(join(builds, b)).mtimeMs - statSync(join(builds, a)).mtimeMs);
  return join(builds, youngest);
}

/** As a broken disk or a careless hand would. @returns how to undo it */
function harm(path, change) {
  const good = readFileSync(path);
  writeFileSync(path, change(Buffer.from(good)));
  return () => writeFileSync(path, good);
}

const flip = (bytes) => {
  bytes[Math.floor(bytes.length / 2)] ^= 1;
  return bytes;
};

test("F5 a saved memory that is damaged, cut or of a newer kind is refused, stays paused, and wakes once it is good again", async () => {
  const { sandbox, first, words } = await makeCounter();
  await sandbox.pause();
  await dropFrozen(words);
  const build = youngestBuild();
  const memory = join(build, "memory");
  const largest = readdirSync(memory).sort(
    (a, b) => statSync(join(memory, b)).size - statSync(join(memory, a)).size,
  )[0];
  const harms = {
    "a flipped bit": () => harm(join(memory, largest), flip),
    "a cut end": () => harm(join(memory, largest), (bytes) => bytes.subarray(0, bytes.length - 1)),
    "a newer format": () =>
      harm(join(build, "build.json"), (bytes) => {
        const manifest = JSON.parse(bytes);
        return JSON.stringify({ ...manifest, memory: { ...manifest.memory, format: "from the future" } });
      }),
    "a manifest cut in half": () => harm(join(build, "build.json"), (bytes) => bytes.subarray(0, bytes.length / 2)),
  };
  for (const [what, doHarm] of Object.entries(harms)) {
    const undo = doHarm();
    const thrown = await resume(sandbox).then(
      () => assert.fail(`${what}: it was brought back`),
      (error) => error,
    );
    assert.doesNotMatch(String(thrown), /timed? ?out/i, what);
    assert.equal((await sandbox.getInfo()).state, "paused", what);
    undo();
  }
  await until(
    () =>
      resume(sandbox).then(
        () => true,
        () => false,
      ),
    { withinMs: 60_000, everyMs: 200, what: "the wake" },
  );
  assert.equal((await ask(sandbox)).hash, first.hash);
  assert.equal(await check(sandbox), "/home/user/data: OK");
  await sandbox.kill();
  await pause(100);
});

test("a paused sandbox whose files this disk has lost wakes out of the bucket", async () => {
  const { sandbox, first, words } = await makeCounter();
  await sandbox.pause();
  await dropFrozen(words);
  const build = youngestBuild();
  await until(() => existsSync(join(build, "in-store")), { withinMs: 60_000, everyMs: 100, what: "the upload" });
  const { layers } = JSON.parse(readFileSync(join(build, "build.json"), "utf8"));
  rmSync(build, { recursive: true });
  rmSync(join(own.dataDir, "artifacts/layers", `${layers[0].sha256}.erofs`));
  await resume(sandbox);
  assert.deepEqual(await ask(sandbox), { asked: first.asked + 1, hash: first.hash });
  assert.equal(await check(sandbox), "/home/user/data: OK");
  await sandbox.kill();
});
