// C1, C2: what a guest must never reach, in every spelling, and neighbours it must never touch.
import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { before, test } from "node:test";
import { create } from "../e2e/support.mjs";

let sandbox;
before(async () => {
  sandbox = await create();
});
const probe = (host, port, seconds = 2) =>
  `timeout ${seconds} bash -c '</dev/tcp/${host}/${port}' 2>/dev/null && echo "REACHED ${host}:${port}"`;
async function nothingReached(commands, own = sandbox) {
  const result = await own.commands.run(`( ${commands.join(" & ")} & wait ); true`, { timeoutMs: 60_000 });
  assert.equal(result.stdout, "");
}

test("C1 metadata services, private, shared and special ranges", async () => {
  const hosts = [
    "169.254.169.254",
    "100.100.100.200",
    "10.0.0.1",
    "10.255.255.53",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
  ];
  await nothingReached(
    [...hosts, "100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "0.0.0.0", "255.255.255.255"].flatMap((host) => [
      probe(host, 80),
      probe(host, 53),
    ]),
  );
});

test("C1 the host by every address it has, and by other spellings", async () => {
  const ports = [process.env.E2B_API_URL, process.env.E2B_SANDBOX_URL].map((url) => new URL(url).port);
  const own = Object.values(networkInterfaces())
    .flat()
    .filter((address) => address.family === "IPv4")
    .map((address) => address.address);
  const spelled = ["0x7f000001", "2130706433", "0177.0.0.1", "127.1", "0xa9fea9fe", "2852039166"];
  await nothingReached(
    [...new Set([...own, ...spelled, "169.254.0.22"])]
      .slice(0, 40)
      .flatMap((host) => ports.map((port) => probe(host, port))),
  );
});

test("C1 IPv6 leads nowhere", async () => {
  const code = `import socket
for host in ("fd00:ec2::254", "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"):
    s = socket.socket(socket.AF_INET6, socket.SOCK_STREAM); s.settimeout(2)
    try: s.connect((host, 80)); print("REACHED", host)
    except OSError: pass`;
  await sandbox.files.write("six.py", code);
  assert.equal((await sandbox.commands.run("python3 six.py", { timeoutMs: 30_000 })).stdout, "");
});

test("C1 root inside may change its own side, and gains nothing by it", async () => {
  const own = await create();
  await own.commands.run(
    "sudo ip route add 169.254.169.254 via 169.254.0.22; sudo ip addr add 10.9.9.9/24 dev eth0; sudo ip neigh replace 169.254.169.254 lladdr 02:00:00:00:00:01 dev eth0; true",
  );
  const commands = ["169.254.169.254", "10.12.0.0", "10.12.0.2", "10.12.0.4"].flatMap((host) => [
    probe(host, 80),
    probe(host, 49983),
  ]);
  await nothingReached(commands, own);
});

test("C2 a neighbour cannot be reached at any address of the slots' range, nor by spoofing", async () => {
  const neighbour = await create();
  await neighbour.commands.run("python3 -m http.server 8000 --bind 0.0.0.0", { background: true });
  const slots = Object.values(networkInterfaces())
    .flat()
    .filter((address) => address.netmask === "255.255.255.254")
    .map((address) => address.address);
  const peers = slots.map((address) => address.replace(/\d+$/, (last) => String(Number(last) ^ 1)));
  assert.ok(peers.length > 0, "the slots' host sides are visible to this test");
  for (let at = 0; at < peers.length; at += 20) {
    await nothingReached(peers.slice(at, at + 20).flatMap((host) => [probe(host, 8000), probe(host, 49983)]));
  }
  const spoof = `import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_IP, 19, 1)
s.bind(("10.12.0.3", 5353)); s.settimeout(1)
s.sendto(b"x", ("169.254.0.22", 53))
try: print("ANSWERED", s.recv(100))
except OSError: pass`;
  await sandbox.files.write("spoof.py", spoof);
  const result = await sandbox.commands.run("sudo python3 spoof.py 2>/dev/null; true", { timeoutMs: 15_000 });
  assert.equal(result.stdout, "");
});

test("C2 a guest that changes its MAC and answers for others reaches itself alone", async () => {
  const [liar, victim] = await Promise.all([create(), create()]);
  await liar.commands.run(
    "sudo ip link set eth0 address 02:fc:00:00:00:99; sudo sysctl -qw net.ipv4.conf.eth0.proxy_arp=1; true",
  );
  assert.equal((await victim.commands.run("echo fine")).stdout, "fine\n");
});
