// What two copies of one sandbox must not share, and what a resumed one must keep: docs/architecture/clone-hazards.md.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { client, create, pause, Sandbox, toPort, until } from "./support.mjs";

const IDENTITY =
  "cat /etc/machine-id; hostname; cat /etc/hostname; cat /proc/sys/kernel/random/boot_id; cat /sys/class/net/eth0/address; ip -4 -o addr show eth0 | tr -s ' ' | cut -d' ' -f4";

async function identityOf(sandbox) {
  const { stdout } = await sandbox.commands.run(IDENTITY, { user: "root" });
  const [machineId, hostname, hostnameFile, bootId, mac, address] = stdout.trim().split("\n");
  return { machineId, hostname, hostnameFile, bootId, mac, address };
}

async function forkOf(sandbox, count) {
  const children = await Sandbox.fork(sandbox.sandboxId, { count, timeoutMs: 120_000 });
  for (const child of children) assert.ok(!(child instanceof Error), String(child));
  return children;
}

/** A process that was there before the copy, asked for what it calls random. */
const ASKED = {
  python: {
    port: 8001,
    start: `python3 -c '
import http.server, json, os, random, secrets, ssl, uuid
random.random(); ssl.RAND_bytes(8)
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        openssl = ssl.RAND_bytes(16).hex()
        ssl.RAND_add(os.urandom(32), 32.0)
        body = json.dumps({"seeded_again": ssl.RAND_bytes(16).hex(), "urandom": os.urandom(16).hex(), "uuid4": str(uuid.uuid4()), "secrets": secrets.token_hex(16), "system": random.SystemRandom().random(), "openssl": openssl, "seeded": random.random()}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
http.server.HTTPServer(("0.0.0.0", 8001), Answer).serve_forever()
'`,
  },
};

async function ask(sandbox, { port }) {
  const answer = await until(
    async () => {
      const got = await toPort(sandbox.sandboxId, port);
      return got.status === 200 ? got : undefined;
    },
    { what: `an answer of port ${port}` },
  );
  return answer.json();
}

test("copies have an identity each, and the original keeps its own", async () => {
  const original = await create();
  const before = await identityOf(original);
  const children = await forkOf(original, 2);
  try {
    const after = await identityOf(original);
    assert.deepEqual(after, before, "a fork changes nothing in the original");
    const all = [before, ...(await Promise.all(children.map(identityOf)))];
    for (const what of ["machineId", "hostname", "hostnameFile", "bootId"]) {
      const values = new Set(all.map((one) => one[what]));
      assert.equal(values.size, 3, `${what}: ${[...values].join(", ")}`);
    }
    for (const one of all) {
      assert.equal(one.hostname, one.hostnameFile);
      assert.match(one.machineId, /^[0-9a-f]{32}$/);
      assert.equal(one.mac, before.mac, "the address of the link is the same in all: each is alone on it");
      assert.equal(one.address, before.address);
    }
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

test("a resumed sandbox keeps its identity, and one booted afresh has a new boot id", async () => {
  const sandbox = await create();
  const before = await identityOf(sandbox);
  await sandbox.pause();
  await sandbox.connect();
  assert.deepEqual(await identityOf(sandbox), before);
  await sandbox.pause({ keepMemory: false });
  await sandbox.connect();
  const afresh = await identityOf(sandbox);
  assert.notEqual(afresh.bootId, before.bootId);
  assert.equal(afresh.hostname, before.hostname);
});

test("what the kernel gives as random differs between copies of one process", async () => {
  const original = await create();
  await original.commands.run(ASKED.python.start, { background: true });
  await ask(original, ASKED.python);
  const children = await forkOf(original, 2);
  try {
    const answers = await Promise.all([original, ...children].map((sandbox) => ask(sandbox, ASKED.python)));
    for (const what of ["urandom", "uuid4", "secrets", "system", "seeded_again"]) {
      const values = new Set(answers.map((one) => one[what]));
      assert.equal(values.size, 3, `${what}: ${[...values].join(", ")}`);
    }
    assert.equal(
      new Set(answers.map((one) => one.seeded)).size,
      1,
      "a seeded generator goes on alike in every copy: the page says so, and a change of it is worth knowing",
    );
    const generator = await Promise.all(
      [original, ...children].map((sandbox) =>
        sandbox.commands.run("head -c 16 /dev/urandom | xxd -p || head -c 16 /dev/urandom | od -An -tx1"),
      ),
    );
    assert.equal(new Set(generator.map((one) => one.stdout)).size, 3);
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

test("a copy has tokens of its own, and the original's do not open it", async () => {
  const original = await create();
  const [child] = await forkOf(original, 1);
  try {
    const tokens = [original, child].map(
      (sandbox) => sandbox.envdAccessToken ?? sandbox.connectionConfig?.envdAccessToken,
    );
    const list = (sandbox, token) =>
      toPort(sandbox.sandboxId, 49983, "/process.Process/List", {
        method: "POST",
        headers: { "Content-Type": "application/json", ...(token ? { "X-Access-Token": token } : {}) },
        body: "{}",
      }).then((answer) => answer.status);
    assert.notEqual(tokens[0], tokens[1]);
    assert.equal(await list(child, tokens[1]), 200);
    assert.equal(await list(original, tokens[0]), 200);
    assert.equal(await list(child, tokens[0]), 401);
    assert.equal(await list(original, tokens[1]), 401);
    assert.equal(await list(child), 401);
    const told = await child.commands.run('echo "$E2B_SANDBOX_ID"; cat /run/e2b/.E2B_SANDBOX_ID');
    assert.deepEqual(told.stdout.trim().split("\n"), [child.sandboxId, child.sandboxId]);
  } finally {
    await child.kill();
  }
});

test("the clock of a copy and of a resumed sandbox is right", async () => {
  const sandbox = await create();
  const skewMs = async (of) => {
    const from = Date.now();
    const { stdout } = await of.commands.run("date +%s%3N");
    const to = Date.now();
    const inside = Number(stdout);
    return inside < from ? from - inside : Math.max(0, inside - to);
  };
  await sandbox.pause();
  await pause(1_500);
  await sandbox.connect();
  assert.ok((await skewMs(sandbox)) < 2_000);
  const [child] = await forkOf(sandbox, 1);
  try {
    assert.ok((await skewMs(child)) < 2_000);
  } finally {
    await child.kill();
  }
});

test("connections between a copy's own processes live on, in every copy", async () => {
  const original = await create();
  await original.files.write(
    "/tmp/pair.py",
    `
import socket, threading, time
server = socket.create_server(("127.0.0.1", 7001))
def echo():
    peer, _ = server.accept()
    while True:
        data = peer.recv(100)
        if not data: break
        peer.sendall(data)
threading.Thread(target=echo, daemon=True).start()
line = socket.create_connection(("127.0.0.1", 7001))
count = 0
while True:
    count += 1
    line.sendall(b"%d" % count)
    assert line.recv(100) == b"%d" % count
    open("/tmp/count.new", "w").write(str(count)); __import__("os").rename("/tmp/count.new", "/tmp/count")
    time.sleep(0.05)
`,
  );
  await original.commands.run("python3 /tmp/pair.py", { background: true });
  const counted = async (sandbox) => Number(await sandbox.files.read("/tmp/count").catch(() => "0"));
  await until(async () => (await counted(original)) > 3, { what: "the pair's first exchanges" });
  const children = await forkOf(original, 2);
  try {
    for (const sandbox of [original, ...children]) {
      const at = await counted(sandbox);
      await until(async () => (await counted(sandbox)) > at + 3, { what: "more exchanges on the same connection" });
    }
  } finally {
    await Promise.all(children.map((child) => child.kill()));
  }
});

// The package registry that this host itself is configured for: the one outside name a test may count on.
const registry = new URL(execFileSync("npm", ["config", "get", "registry"], { encoding: "utf8" }).trim());

const registryPort = Number(registry.port || (registry.protocol === "https:" ? 443 : 80));

/** Opens a connection to the outside, then asks over it once for every line that /tmp/ask gets, and notes how it went. */
const OUTSIDE = `
import http.client, os, time
host, secure = "${registry.hostname}", ${registry.protocol === "https:" ? "True" : "False"}
line = (http.client.HTTPSConnection if secure else http.client.HTTPConnection)(host, ${registryPort}, timeout=10)
line.connect()
first = line.sock
asked = 0
while True:
    open("/tmp/asked", "w").write(str(asked))
    while not os.path.exists("/tmp/ask%d" % (asked + 1)): time.sleep(0.02)
    asked += 1
    try:
        first.sendall(b"HEAD / HTTP/1.1\\r\\nHost: %s\\r\\n\\r\\n" % host.encode())
        how = first.recv(4096)[:8].decode()
    except Exception as thrown:
        how = type(thrown).__name__
    open("/tmp/how.new", "w").write(how); os.rename("/tmp/how.new", "/tmp/how%d" % asked)
`;

test("a connection to the outside goes on in the original alone, and ends with a sandbox that comes from the disk", async () => {
  const original = await create();
  await original.files.write("/tmp/outside.py", OUTSIDE);
  await original.commands.run("python3 /tmp/outside.py", { background: true });
  await until(() => original.files.exists("/tmp/asked"), { what: "the connection" });
  const how = async (sandbox, number) => {
    await sandbox.files.write(`/tmp/ask${number}`, "");
    await until(() => sandbox.files.exists(`/tmp/how${number}`), { what: `answer ${number}` });
    return sandbox.files.read(`/tmp/how${number}`);
  };
  assert.equal(await how(original, 1), "HTTP/1.1");
  const [child] = await forkOf(original, 1);
  try {
    const open = `ss -Htn state established state close-wait '( dport = :${registryPort} )'`;
    assert.equal((await child.commands.run(open)).stdout, "", "ended before a process of the copy ran");
    assert.notEqual((await original.commands.run(open)).stdout, "");
    assert.match(await how(child, 2), /^(Connection(Aborted|Reset)|BrokenPipe|SSLEOF|SSLZeroReturn)Error$/);
    assert.equal(await how(original, 2), "HTTP/1.1");
  } finally {
    await child.kill();
  }
  await original.pause();
  await original.connect();
  assert.equal(await how(original, 3), "HTTP/1.1", "woken from this node's memory");
});

test("a paused sandbox answers nothing, and a command that ran through the pause goes on after it", async () => {
  const sandbox = await create();
  const command = await sandbox.commands.run("for i in $(seq 1000); do echo $i > /tmp/tick; sleep 0.05; done", {
    background: true,
  });
  await until(async () => Number(await sandbox.files.read("/tmp/tick").catch(() => "0")) > 2, {
    what: "the first ticks",
  });
  await sandbox.pause();
  assert.equal(await sandbox.isRunning(), false);
  await sandbox.connect();
  const at = Number(await sandbox.files.read("/tmp/tick"));
  await until(async () => Number(await sandbox.files.read("/tmp/tick")) > at + 3, { what: "more ticks" });
  const processes = await sandbox.commands.list();
  assert.ok(processes.some((process) => process.pid === command.pid));
  assert.equal(await sandbox.commands.kill(command.pid), true);
  await assert.rejects(client.Sandbox.connect("i00000000000000000000"), client.NotFoundError);
});
