// What F6 shows, for as many cycles as it is asked for: a sandbox writes without pause while it is paused and resumed over and
// over; not one byte that it had written is lost or changed, and its programs never notice.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, until } from "../e2e/support.mjs";

/** Appends records to a journal, synced one by one, each with the hash of all before it; and keeps the same chain in memory. */
const WRITER = `
import hashlib, os, time
chain = hashlib.sha256()
count = 0
log = open("/home/user/journal", "ab", buffering=0)
files = "/home/user/files"
os.makedirs(files, exist_ok=True)
while True:
    body = os.urandom(2000).hex()
    chain.update(body.encode())
    count += 1
    log.write(f"{count} {body} {chain.hexdigest()}\\n".encode())
    os.fsync(log.fileno())
    with open(f"{files}/{count % 500}", "w") as file:
        file.write(f"{hashlib.sha256(body.encode()).hexdigest()} {body}")
    os.rename(f"{files}/{count % 500}", f"{files}/r{count % 500}")
    time.sleep(0.005)
`;

/** Every record in its place with the right hash, every file whole but for the one being written. */
const CHECKER = `
import hashlib, os
chain = hashlib.sha256()
count = 0
for line in open("/home/user/journal", "rb").read().split(b"\\n")[:-1]:
    number, body, digest = line.decode().split(" ")
    count += 1
    chain.update(body.encode())
    assert int(number) == count, (number, count)
    assert chain.hexdigest() == digest, count
bad = 0
for name in os.listdir("/home/user/files"):
    if name[0] != "r":
        continue
    digest, body = open(f"/home/user/files/{name}").read().split(" ")
    bad += hashlib.sha256(body.encode()).hexdigest() != digest
assert bad == 0, bad
print(count)
`;

export function writeStorm(cycles, { checkEvery }) {
  test(`F6 ${cycles} pauses and resumes in a storm of writes: nothing is lost, nothing is changed`, async () => {
    const sandbox = await create({ timeoutMs: 3_600_000 });
    await sandbox.files.write("/home/user/writer.py", WRITER);
    await sandbox.files.write("/home/user/checker.py", CHECKER);
    const writer = await sandbox.commands.run("python3 /home/user/writer.py", { background: true, timeoutMs: 0 });
    await until(() => sandbox.files.exists("/home/user/journal"), { what: "the first record" });
    const stop = async () => sandbox.commands.run(`kill -STOP ${writer.pid}`);
    const go = async () => sandbox.commands.run(`kill -CONT ${writer.pid}`);
    let before = 0;
    for (let cycle = 1; cycle <= cycles; cycle += 1) {
      await sandbox.pause();
      await sandbox.connect({ timeoutMs: 3_600_000 });
      if (cycle % checkEvery !== 0 && cycle !== cycles) continue;
      await stop();
      const { stdout } = await sandbox.commands.run("python3 /home/user/checker.py", { timeoutMs: 120_000 });
      assert.ok(Number(stdout) > before, `it wrote nothing between ${before} and ${stdout}`);
      before = Number(stdout);
      await go();
    }
    await sandbox.kill();
  });
}
