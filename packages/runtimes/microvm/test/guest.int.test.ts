/** A real kernel boots on the layers of the base template, and does what the host asks. Under software emulation: any host can. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { encodeFrame } from "../src/agent/frames";
import type { GuestAgent } from "../src/index";
import { type Guest, makeRig, type Rig } from "./rig";

const BASE = process.env.SANDLOT_TEST_BASE_EROFS ?? "";
const KERNEL = process.env.SANDLOT_TEST_KERNEL ?? "";
const BOOT_MS = 60_000;

/** In the place of the guest layer's init: tells what it sees, counts, and ends when it has got another name. */
const INIT = `#!/bin/sh
fact() { echo "$1=$(eval "$2" 2>&1 | tr '\\n' ' ' | sed 's/ $//')"; }
fact pid 'echo $$'
fact name hostname
fact hosts 'grep -c first-name /etc/hosts'
fact resolver 'cat /etc/resolv.conf'
fact base 'grep ^ID= /etc/os-release'
fact layers 'cat /layered/file /layered/below'
fact shm 'stat -f -c %T /dev/shm'
fact pts 'stat -f -c %T /dev/pts'
fact cgroup 'cat /proc/self/cgroup; stat -f -c %T /sys/fs/cgroup; cat /sys/fs/cgroup/pids.max'
fact processes 'ls -d /proc/[0-9]* | wc -l'
fact fuse '(: <> /dev/fuse) && echo opens'
fact loop '(: <> /dev/loop-control) && echo opens'
fact modules 'test -e /lib/modules/$(uname -r)/modules.dep && echo there'
fact namespaces 'unshare -U true && echo nest'
fact address 'cat /proc/net/fib_trie | grep -c 169.254.0.21; cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu'
fact clock 'date +%s%3N'
fact machine 'cat /etc/machine-id'
fact boot 'cat /proc/sys/kernel/random/boot_id'
echo kept > /srv/kept
count=0
while [ "$(hostname)" = first-name ]; do count=$((count + 1)); echo "count=$count"; echo started=yes; sleep 0.02; done
fact renamed 'hostname; cat /etc/hostname; grep -c second-name /etc/hosts'
fact machine2 'cat /etc/machine-id'
fact boot2 'cat /proc/sys/kernel/random/boot_id'
echo facts=again
sleep 0.3
exit 7
`;

let rig: Rig;
let guestLayer: string;
let middle: string;

beforeAll(async () => {
  if (BASE === "" || KERNEL === "")
    throw new Error("SANDLOT_TEST_BASE_EROFS and SANDLOT_TEST_KERNEL must name a base layer and a kernel");
  rig = await makeRig(KERNEL);
  const make = async (name: string, files: Record<string, string>): Promise<string> => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(rig.dir, name, path, ".."), { recursive: true });
      writeFileSync(join(rig.dir, name, path), text, { mode: 0o755 });
    }
    return await rig.imageOf(join(rig.dir, name));
  };
  const top = { "usr/lib/sandlot/init": INIT, "layered/file": "newest" };
  guestLayer = await make("top", top);
  middle = await make("middle", { "layered/file": "oldest", "layered/below": "below" });
}, BOOT_MS);

afterAll(() => rig?.[Symbol.dispose]());

/** All that init has written, as its last word for each name. */
async function facts(agent: GuestAgent): Promise<Map<string, string>> {
  let text = "";
  for (;;) {
    const { bytes, sizeBytes } = await agent.readOutput({ fromByte: text.length, maxBytes: 1 << 20 });
    text += Buffer.from(bytes).toString("latin1");
    if (bytes.length === 0 || text.length >= sizeBytes) break;
  }
  return new Map(text.split("\n").map((line) => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]));
}

async function untilFact(agent: GuestAgent, name: string, value: string): Promise<Map<string, string>> {
  for (const until = performance.now() + BOOT_MS; performance.now() < until; await sleep(50)) {
    const found = await facts(agent);
    if (found.get(name) === value || Number(found.get(name)) >= Number(value)) return found;
  }
  throw new Error(`no ${name}=${value}: ${[...(await facts(agent))].join("; ")}`);
}

/** Says something to the agent that nobody should, and hangs up in the middle. */
async function say(guest: Guest, bytes: Uint8Array): Promise<void> {
  const socket = connect({ path: guest.socketPath });
  await new Promise((resolve) => socket.once("connect", resolve));
  await new Promise((resolve) => socket.write(bytes, resolve));
  await sleep(30);
  socket.destroy();
}

describe("a guest", () => {
  it(
    "sees what a sandbox sees in a container, is stopped, told who it is, and ends as its init does",
    async () => {
      await using guest = await rig.boot({ name: "whole", layers: [guestLayer, middle, BASE] });
      await guest.notice("ready");
      const agent = await guest.agent();
      expect(agent.hello).toMatchObject({ protocol: 1, kernel: rig.kernel.version, hasSandbox: true });
      await agent.setClock();
      const seen = await untilFact(agent, "started", "yes");
      const { clock, machine, boot, processes, ...rest } = Object.fromEntries(seen);
      expect(rest).toMatchObject({
        pid: "1",
        name: "first-name",
        hosts: "1",
        resolver: "nameserver 169.254.0.22",
        base: "ID=debian",
        layers: "newestbelow",
        shm: "tmpfs",
        pts: "devpts",
        cgroup: "0::/ cgroup2fs 100",
        fuse: "opens",
        loop: "opens",
        modules: "there",
        namespaces: "nest",
        address: expect.stringMatching(/^[1-9] 02:fc:00:00:00:05 1400$/),
      });
      expect(Number(processes)).toBeLessThan(12);
      expect(Math.abs(Number(clock) - Date.now())).toBeLessThan(30_000);
      await stopsAndGoesOn(agent);
      await becomesAnother(agent, { machine, boot });
      expect(await guest.notice("exit")).toBe("exit 7 0");
      expect(await guest.ended).toBe(0);
      await agent[Symbol.asyncDispose]();
    },
    BOOT_MS * 2,
  );

  it(
    "answers whoever comes next, whatever was said on the line before, and rests while nobody is there",
    async () => {
      await using guest = await rig.boot({ name: "line", layers: [], words: "sandlot.probe" });
      await guest.notice("ready");
      const whole = Buffer.from(encodeFrame({ id: 1, what: 3, failed: false, payload: new Uint8Array(256) }));
      const noise = Buffer.from(crypto.getRandomValues(new Uint8Array(16_000)));
      for (let at = 0; at + 20 < noise.length; at += 64) {
        noise.writeUInt32LE(0x31414c53, at);
        noise.writeUInt32LE(at % 4_097, at + 12);
      }
      const odd = [99, 0, 65_535].map((what) =>
        encodeFrame({ id: 2, what, failed: false, payload: new Uint8Array(3) }),
      );
      for (const said of [noise, whole.subarray(0, 7), whole.subarray(0, 19), whole.subarray(0, 100), ...odd]) {
        await say(guest, said);
        await using agent = await guest.agent();
        await agent.addEntropy(crypto.getRandomValues(new Uint8Array(64)));
      }
      const before = guest.cpuSeconds();
      await sleep(2_000);
      expect(guest.cpuSeconds() - before).toBeLessThan(0.3);
      await using agent = await guest.agent();
      expect(agent.hello.hasSandbox).toBe(false);
      await expect(agent.addEntropy(new Uint8Array(5))).rejects.toThrow("of another size");
      expect((await agent.stats()).memoryTotalBytes).toBeGreaterThan(150 << 20);
    },
    BOOT_MS,
  );

  it(
    "tells why it does not boot",
    async () => {
      const damaged = join(rig.dir, "damaged.erofs");
      writeFileSync(damaged, Buffer.alloc(8_192, 0xe5));
      await using guest = await rig.boot({ name: "none", layers: [damaged] });
      expect(await guest.notice("failed")).toContain("layers /dev/vda1");
      expect(await guest.ended).toBe(0);
    },
    BOOT_MS,
  );
});

async function stopsAndGoesOn(agent: GuestAgent): Promise<void> {
  await agent.freeze();
  const still = (await facts(agent)).get("count");
  await sleep(300);
  expect((await facts(agent)).get("count")).toBe(still ?? "");
  const stats = await agent.stats();
  expect(stats.pids).toBeGreaterThan(0);
  expect(stats.diskSizeBytes).toBeGreaterThan(200 << 20);
  expect(stats.diskUsedBytes).toBeLessThan(20 << 20);
  await agent.thaw();
  await untilFact(agent, "count", String(Number(still) + 2));
}

async function becomesAnother(
  agent: GuestAgent,
  first: { machine: string | undefined; boot: string | undefined },
): Promise<void> {
  await agent.freeze();
  await agent.resume({
    entropy: crypto.getRandomValues(new Uint8Array(32)),
    identity: { hostname: "second-name", gateway: "169.254.0.22" },
    network: true,
    pidsMax: 90,
    thaw: true,
  });
  const seen = await untilFact(agent, "facts", "again");
  expect(seen.get("renamed")).toBe("second-name second-name 1");
  for (const [now, then] of [
    [seen.get("machine2"), first.machine],
    [seen.get("boot2"), first.boot],
  ]) {
    expect(now).toMatch(/^[0-9a-f-]{32,36}$/);
    expect(now).not.toBe(then);
  }
}
