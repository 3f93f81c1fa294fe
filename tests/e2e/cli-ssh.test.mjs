// The real OpenSSH client against a sandbox: programs, terminals, files, forwarded ports, and keys that do not open it.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { create, until } from "./support.mjs";

const dataDir = process.env.SANDLOT_DATA_DIR;
const { ports } = JSON.parse(readFileSync(join(dataDir, "stack.json"), "utf8"));
const SANDLOT = fileURLToPath(new URL("../../sandlot", import.meta.url));
const dir = mkdtempSync(join(tmpdir(), "sandlot-ssh-test-"));
const key = join(dir, "key");
const stranger = join(dir, "stranger");

function run(program, words, { input = "", timeout = 30_000 } = {}) {
  return new Promise((resolve) => {
    const child = execFile(program, words, { timeout, encoding: "utf8", maxBuffer: 1e8 }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : (error.code ?? 255), stdout, stderr }),
    );
    child.stdin.on("error", () => undefined); // it may have ended without reading
    child.stdin.end(input);
  });
}

const sandlot = (...words) => run(SANDLOT, [...words.slice(0, 2), "--data", dataDir, ...words.slice(2)]);
const options = (identity = key) => [
  ...[
    "-F",
    "none",
    "-i",
    identity,
    "-o",
    "IdentitiesOnly=yes",
    "-o",
    "LogLevel=ERROR",
    "-o",
    "StrictHostKeyChecking=yes",
  ],
  ...["-o", `UserKnownHostsFile=${join(dir, "known_hosts")}`, "-o", `Port=${ports.ssh}`],
];

let sandbox;
before(async () => {
  for (const path of [key, stranger]) await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
  const hostKey = readFileSync(join(dataDir, "edge/ssh-host-key.pub"), "utf8");
  writeFileSync(join(dir, "known_hosts"), `[127.0.0.1]:${ports.ssh} ${hostKey}`);
  assert.equal((await sandlot("ssh-key", "add", `${key}.pub`)).code, 0);
  sandbox = await create();
});
after(() => rmSync(dir, { recursive: true }));

const ssh = (...words) => run("ssh", [...options(), `${sandbox.sandboxId}@127.0.0.1`, ...words]);

describe("ssh with a registered key", () => {
  it("runs a program: output, errors, input, exit code", async () => {
    const done = await ssh("echo out; echo err >&2; id -un; exit 7");
    assert.deepEqual([done.code, done.stdout, done.stderr], [7, "out\nuser\n", "err\n"]);
    const piped = await run("ssh", [...options(), `${sandbox.sandboxId}@127.0.0.1`, "sha256sum"], {
      input: "x".repeat(3_000_000),
    });
    const digest = createHash("sha256").update("x".repeat(3_000_000)).digest("hex");
    assert.equal(piped.stdout, `${digest}  -\n`);
    const asRoot = await run("ssh", [...options(), `${sandbox.sandboxId}.root@127.0.0.1`, "id -un"]);
    assert.equal(asRoot.stdout, "root\n");
  });

  it("opens a terminal of the right size, and changes it", async () => {
    const script = `stty rows 33 cols 77; exec ssh ${[...options(), "-tt", `${sandbox.sandboxId}@127.0.0.1`].join(" ")}`;
    const child = spawn("script", ["-qec", `bash -c '${script}'`, "/dev/null"], { stdio: ["pipe", "pipe", "inherit"] });
    let text = "";
    child.stdout.on("data", (bytes) => {
      text += bytes;
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await until(() => text.includes("$ "), { what: "a prompt" });
    child.stdin.write("stty size; tty; exit 5\n");
    assert.equal(await ended, 5, text);
    assert.match(text, /33 77/);
    assert.match(text, /\/dev\/pts\//);
  });

  it("tells the program when the terminal's size changes", async () => {
    const remote = "trap stty\\ size WINCH; stty size; echo waiting; for n in $(seq 100); do sleep 0.1; done";
    const client = ["ssh", ...options(), "-tt", `${sandbox.sandboxId}@127.0.0.1`, `"${remote.replaceAll("$", "\\$")}"`];
    const here = `stty rows 33 cols 77; (read; stty rows 44 cols 99) < ${dir}/go & exec ${client.join(" ")}`;
    await run("mkfifo", [join(dir, "go")]);
    writeFileSync(join(dir, "resize.sh"), here.replace("stty rows 44 cols 99", "stty -F /dev/tty rows 44 cols 99"));
    const child = spawn("script", ["-qec", `bash ${join(dir, "resize.sh")}`, "/dev/null"], { stdio: "pipe" });
    let text = "";
    child.stdout.on("data", (bytes) => {
      text += bytes;
    });
    try {
      await until(() => text.includes("waiting"), { what: "the program" });
      assert.match(text, /33 77/);
      writeFileSync(join(dir, "go"), "\n");
      await until(() => text.includes("44 99"), { what: "the new size" });
    } finally {
      child.kill();
    }
  });

  it("ends the program when the client goes away", async () => {
    const child = spawn("ssh", [...options(), "-tt", `${sandbox.sandboxId}@127.0.0.1`, "sleep 4321"], {
      stdio: "pipe",
    });
    const count = async () => Number((await sandbox.commands.run("pgrep -fc '^sleep 4321' || true")).stdout);
    await until(async () => (await count()) === 1, { what: "the program to run" });
    child.kill("SIGKILL");
    await until(async () => (await count()) === 0, { what: "the program to end" });
  });

  it("moves files with sftp and scp", async () => {
    const body = randomBytes(5_000_000);
    writeFileSync(join(dir, "body"), body);
    writeFileSync(join(dir, "tool.sh"), "#!/bin/sh\necho ran\n", { mode: 0o755 });
    const batch = [
      `put ${dir}/body body`,
      `put ${dir}/tool.sh tool.sh`,
      "mkdir sub",
      "rename body sub/body2",
      "ln -s sub/body2 link",
      `get link ${dir}/back`,
      "ls -l sub",
      "chmod 600 sub/body2",
      "-get missing",
      "rm link",
    ];
    writeFileSync(join(dir, "batch"), `${batch.join("\n")}\n`);
    const done = await run("sftp", [...options(), "-b", join(dir, "batch"), `${sandbox.sandboxId}@127.0.0.1`]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stdout, /-rw-r--r--.*5000000.*body2/);
    assert.ok(readFileSync(join(dir, "back")).equals(body));
    const there = await sandbox.commands.run("./tool.sh; stat -c '%a %s %U' sub/body2; ls");
    assert.equal(there.stdout, "ran\n600 5000000 user\nsub\ntool.sh\n");
    const copied = await run("scp", [
      ...options(),
      "-r",
      join(dir, "batch"),
      `${sandbox.sandboxId}@127.0.0.1:/tmp/batch`,
    ]);
    assert.equal(copied.code, 0, copied.stderr);
    assert.equal(await sandbox.files.read("/tmp/batch"), `${batch.join("\n")}\n`);
    const denied = await run("scp", [...options(), join(dir, "batch"), `${sandbox.sandboxId}@127.0.0.1:/etc/batch`]);
    assert.notEqual(denied.code, 0);
    assert.match(denied.stderr, /permission denied/i);
  });

  it("resumes an upload in the middle of a file", async () => {
    const body = randomBytes(1_000_000);
    writeFileSync(join(dir, "whole"), body);
    await sandbox.files.write("part", new Blob([body.subarray(0, 400_000)]));
    writeFileSync(join(dir, "batch"), `reput ${dir}/whole part\n`);
    const done = await run("sftp", [...options(), "-b", join(dir, "batch"), `${sandbox.sandboxId}@127.0.0.1`]);
    assert.equal(done.code, 0, done.stderr);
    assert.ok(Buffer.from(await sandbox.files.read("part", { format: "bytes" })).equals(body));
  });

  it("forwards ports of the sandbox, and of nobody else", async () => {
    await sandbox.commands.run("echo forwarded > /tmp/index.html");
    await sandbox.commands.run("python3 -m http.server 8123 -d /tmp --bind 127.0.0.1", { background: true });
    const [local, foreign] = [await freePort(), await freePort()];
    const forwards = ["-L", `${local}:localhost:8123`, "-L", `${foreign}:169.254.169.254:80`];
    const child = spawn("ssh", [...options(), "-N", ...forwards, `${sandbox.sandboxId}@127.0.0.1`]);
    try {
      const ask = async (port) => {
        const answer = await fetch(`http://127.0.0.1:${port}/`);
        return answer.text();
      };
      let text = "";
      await until(
        async () => {
          text = await ask(local).catch(() => "");
          return text !== "";
        },
        { what: "the forwarded port" },
      );
      assert.equal(text, "forwarded\n");
      await assert.rejects(ask(foreign));
    } finally {
      child.kill();
    }
  });
});

describe("ssh with a short-lived certificate", () => {
  const certify = async (name, { ttl = 60, apiKey = process.env.E2B_API_KEY, into = sandbox.sandboxId } = {}) => {
    const path = join(dir, name);
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", path]);
    const answer = await fetch(`${process.env.E2B_API_URL}/sandboxes/${into}/ssh-certificates`, {
      method: "POST",
      headers: { "X-API-Key": apiKey, "Content-Type": "application/json" },
      body: JSON.stringify({ publicKey: readFileSync(`${path}.pub`, "utf8"), ttl }),
    });
    if (answer.status !== 201) return { status: answer.status };
    writeFileSync(`${path}-cert.pub`, `${(await answer.json()).certificate}\n`);
    const enter = (who = sandbox.sandboxId) =>
      run("ssh", [...options(path), "-o", "BatchMode=yes", `${who}@127.0.0.1`, "id -un"]);
    return { path, enter, status: 201 };
  };

  it("enters its sandbox, and no other; OpenSSH reads it", async () => {
    const other = await create();
    const { path, enter } = await certify("certified");
    assert.equal((await enter()).stdout, "user\n");
    assert.equal((await enter(`${sandbox.sandboxId}.root`)).stdout, "root\n");
    assert.equal((await enter(other.sandboxId)).code, 255);
    const { stdout } = await run("ssh-keygen", ["-L", "-f", `${path}-cert.pub`]);
    assert.match(stdout, /ED25519-CERT-V01.*\n|user certificate/i);
    assert.match(stdout, new RegExp(`Principals:\\s+${sandbox.sandboxId}`));
    rmSync(`${path}-cert.pub`);
    assert.equal((await enter()).code, 255, "the key alone is worth nothing");
  });

  it("is worth nothing when its time is over, or to who has not the key", async () => {
    const { path, enter } = await certify("short", { ttl: 2 });
    assert.equal((await enter()).code, 0);
    await until(async () => (await enter()).code === 255, { everyMs: 300, what: "the certificate to lapse" });
    const good = await certify("good");
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "thief")]);
    writeFileSync(join(dir, "thief-cert.pub"), readFileSync(`${good.path}-cert.pub`));
    assert.equal(
      (
        await run("ssh", [
          ...options(join(dir, "thief")),
          "-o",
          "BatchMode=yes",
          `${sandbox.sandboxId}@127.0.0.1`,
          "true",
        ])
      ).code,
      255,
    );
    assert.notEqual(path, good.path);
  });

  it("is made for the team's own sandboxes, by our authority alone", async () => {
    assert.equal((await certify("foreign", { apiKey: process.env.SANDLOT_OTHER_API_KEY })).status, 404);
    const { path, enter } = await certify("forged");
    const { stdout } = await run("ssh-keygen", ["-L", "-f", `${path}-cert.pub`]);
    const keyId = /Key ID: "(.*)"/.exec(stdout)[1];
    await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", join(dir, "ca")]);
    const words = ["-q", "-s", join(dir, "ca"), "-I", keyId, "-n", sandbox.sandboxId, "-V", "+5m", `${path}.pub`];
    assert.equal((await run("ssh-keygen", words)).code, 0);
    assert.equal((await enter()).code, 255);
  });
});

describe("who is not let in", () => {
  const enter = (identity, who = sandbox.sandboxId) =>
    run("ssh", [...options(identity), "-o", "BatchMode=yes", `${who}@127.0.0.1`, "true"]);

  it("a key that nobody registered, a sandbox that does not exist, a name that is none", async () => {
    assert.equal((await enter(stranger)).code, 255);
    assert.equal((await enter(key, "inosuchsandbox")).code, 255);
    assert.equal((await enter(key, `${sandbox.sandboxId}.root;id`)).code, 255);
  });

  it("another team's key", async () => {
    const body = JSON.stringify({ publicKey: readFileSync(`${stranger}.pub`, "utf8").trim() });
    const headers = { "X-API-Key": process.env.SANDLOT_OTHER_API_KEY, "Content-Type": "application/json" };
    const made = await fetch(`${process.env.E2B_API_URL}/ssh-keys`, { method: "POST", headers, body });
    assert.equal(made.status, 201);
    assert.equal((await enter(stranger)).code, 255);
  });

  it("a key that was taken away", async () => {
    const gone = join(dir, "gone");
    await run("ssh-keygen", ["-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", gone]);
    assert.equal((await sandlot("ssh-key", "add", "--name", "to be gone", `${gone}.pub`)).code, 0);
    assert.equal((await enter(gone)).code, 0);
    assert.match((await sandlot("ssh-key", "ls")).stdout, /to be gone/);
    assert.equal((await sandlot("ssh-key", "rm", "to be gone")).code, 0);
    assert.equal((await enter(gone)).code, 255);
  });

  it("a key whose time is over", async () => {
    const brief = join(dir, "brief");
    await run("ssh-keygen", ["-q", "-t", "ecdsa", "-N", "", "-f", brief]);
    assert.equal((await sandlot("ssh-key", "add", "--ttl", "2", `${brief}.pub`)).code, 0);
    assert.equal((await enter(brief)).code, 0);
    await until(async () => (await enter(brief)).code === 255, { everyMs: 300, what: "the key to lapse" });
  });
});

describe("sandlot ssh", () => {
  it("enters with a key made and certified for this one time", async () => {
    const done = await run(SANDLOT, ["ssh", "--data", dataDir, sandbox.sandboxId, "echo hello; exit 9"]);
    assert.deepEqual([done.code, done.stdout], [9, "hello\n"], done.stderr);
    assert.doesNotMatch((await sandlot("ssh-key", "ls")).stdout, /sandlot ssh/, "nothing was registered for it");
  });
});

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
