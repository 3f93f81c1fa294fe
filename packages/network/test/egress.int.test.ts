/** What a guest can reach and what it cannot: attacks C1, C2, C6, C8 and C9, in real namespaces with a made-up outside. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { createServer, type Server } from "node:net";
import { networkInterfaces } from "node:os";
import { OPEN_EGRESS } from "@sandlot/domain";
import { startLogger } from "@sandlot/telemetry";
import { runTool } from "../src/command";
import { type SlotPool, startSlotPool } from "../src/index";
import {
  DNS_UPSTREAM,
  dialFromHost,
  FORBIDDEN,
  type Guest,
  INTERNET,
  INTERNET_LOW,
  type Lab,
  leftovers,
  startGuest,
  startLab,
} from "./fixtures/lab";

const TAG = "zt01";
const signal = new AbortController().signal;
const tcp = (address: string, port = 80) => ({ tcp: address, port });
const REFUSED = /^(EHOSTUNREACH|ENETUNREACH|ECONNREFUSED|EACCES|EINVAL|ETIMEDOUT|EAFNOSUPPORT|silence)$/;

let lab: Lab;
let pool: SlotPool;
let one: Guest;
let two: Guest;
let service: Server;

beforeAll(async () => {
  lab = await startLab(TAG, 4);
  service = createServer((socket) => socket.on("error", () => undefined).write("hello\n"));
  await new Promise<void>((resolve) => service.listen(8099, "0.0.0.0", resolve));
  pool = await startSlotPool(
    {
      tag: TAG,
      slotCidr: "10.213.4.0/24",
      poolSize: 2,
      maxSlots: 20,
      dnsUpstreams: [DNS_UPSTREAM],
      predefinedAllows: ["10.99.0.5:3128"],
    },
    { log: startLogger("test", "warn") },
  );
  one = await startGuest(TAG, await pool.lease(signal));
  two = await startGuest(TAG, await pool.lease(signal));
  await Promise.all([one.serve([8080]), two.serve([8080])]);
}, 60_000);

afterAll(async () => {
  await one?.[Symbol.asyncDispose]();
  await two?.[Symbol.asyncDispose]();
  await pool?.removeAll();
  service?.close();
  await lab?.[Symbol.asyncDispose]();
  expect(await leftovers(TAG)).toEqual([]);
}, 60_000);

describe("a guest with the open policy", () => {
  it("reaches the internet and is reached by the host", async () => {
    expect(await one.dial([tcp(INTERNET), tcp(INTERNET_LOW)])).toEqual(["open", "open"]);
    expect(await dialFromHost([tcp(one.slot.address, 8080), tcp(two.slot.address, 8080)])).toEqual(["open", "open"]);
    // A port nobody listens on is refused at once, not timed out.
    expect(await dialFromHost([tcp(one.slot.address, 8081)])).toEqual(["ECONNREFUSED"]);
  });

  it("resolves names by the node's resolver, by UDP and TCP, and by no other", async () => {
    const dns = one.slot.guestGateway;
    expect(
      await one.dial([
        { dns, name: "example.test" },
        { dns, name: "Example.TEST", via: "tcp" },
        { dns, name: "missing.test" },
        { dns, name: "big.test" },
        { dns, name: "big.test", via: "tcp" },
        { dns, name: "any.test", type: "ANY" as never },
        { dns, name: "null.test", type: "NULL" },
      ]),
    ).toEqual([
      "NOERROR 1 198.51.100.7",
      "NOERROR 1 198.51.100.7",
      "NXDOMAIN 0",
      "NOERROR cut 0",
      "NOERROR 100 198.51.100.7",
      "REFUSED 0",
      "REFUSED 0",
    ]);
    const [udp, overTcp, tls] = await one.dial([
      { dns: INTERNET, name: "example.test" },
      { dns: INTERNET, name: "example.test", via: "tcp" },
      tcp(INTERNET, 853),
    ]);
    expect(udp).toMatch(/silence|error/);
    expect(overTcp).toMatch(REFUSED);
    expect(tls).toMatch(REFUSED);
    expect(await dialFromHost([{ dns: INTERNET, name: "example.test" }, tcp(INTERNET, 853)])).toEqual([
      "NOERROR 1 198.51.100.7",
      "open",
    ]);
  });

  it("C8: cannot send mail to strangers' servers", async () => {
    expect(await dialFromHost([tcp(INTERNET, 25)])).toEqual(["open"]);
    expect((await one.dial([tcp(INTERNET, 25)]))[0]).toMatch(REFUSED);
  });
});

describe("C1: the host and its surroundings", () => {
  it("metadata services, private and carrier networks are out of reach", async () => {
    const targets = [...FORBIDDEN, lab.neighbour].map((address) => tcp(address));
    expect(await dialFromHost(targets)).toEqual(targets.map(() => "open")); // they are there
    for (const said of await one.dial(targets)) expect(said).toMatch(REFUSED);
  });

  it("the host's own addresses serve guests nothing", async () => {
    const own = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ family, address }) => (family === "IPv4" ? [address] : [])),
    );
    expect(own).toContain(lab.hostAddress);
    const targets = own.map((address) => tcp(address, 8099));
    expect(await dialFromHost(targets)).toEqual(targets.map(() => "open"));
    for (const said of await one.dial(targets)) expect(said).toMatch(REFUSED);
  });

  it("loopback and other spellings of an address get nowhere", async () => {
    await one.ip("route add 127.0.0.0/9 via 169.254.0.22 dev eth0").catch(() => undefined);
    const spellings = [
      "127.0.0.1",
      "127.1.2.3",
      "0.0.0.0",
      "2852039166",
      "0xa9fea9fe",
      "0251.0376.0251.0376",
      "::1",
      "::ffff:169.254.169.254",
      "64:ff9b::a9fe:a9fe",
      "fd00:ec2::254",
    ];
    const said = await one.dial(spellings.flatMap((address) => [tcp(address, 80), tcp(address, 8099)]));
    for (const word of said) expect(word).not.toBe("open");
  });

  it("IPv6 leads nowhere even when the guest gives itself addresses", async () => {
    await one.ip("-6 addr add fd00::99/64 dev eth0 nodad");
    await one.ip("-6 route add default dev eth0").catch(() => undefined);
    const own = Object.values(networkInterfaces()).flatMap((list) =>
      (list ?? []).flatMap(({ family, address, internal }) =>
        family === "IPv6" && !internal && !address.startsWith("fe80") ? [address] : [],
      ),
    );
    for (const said of await one.dial(own.map((address) => tcp(address, 8099)))) expect(said).not.toBe("open");
  });

  it("an answer that points inside does not open the inside (rebinding)", async () => {
    const [answer, dialled] = await one.dial([
      { dns: one.slot.guestGateway, name: "inside.test" },
      tcp("169.254.169.254"),
    ]);
    expect(answer).toBe("NOERROR 1 169.254.169.254");
    expect(dialled).toMatch(REFUSED);
  });

  it("the user's own allow list does not open them", async () => {
    await pool.applyEgress(one.slot, {
      allowedCidrs: ["0.0.0.0/0", ...FORBIDDEN, `${lab.neighbour}/32`],
      deniedCidrs: [],
    });
    for (const said of await one.dial([...FORBIDDEN, lab.neighbour].map((address) => tcp(address))))
      expect(said).toMatch(REFUSED);
    await pool.applyEgress(one.slot, OPEN_EGRESS);
  });

  it("a predefined service in a denied range is reached on its one port", async () => {
    const [proxy, beside] = await one.dial([tcp("10.99.0.5", 3128), tcp("10.99.0.5", 80)]);
    expect(proxy).toBe("open");
    expect(beside).toMatch(REFUSED);
  });
});

describe("C2: other sandboxes", () => {
  it("cannot be reached at their address, nor by way of the host", async () => {
    for (const said of await one.dial([tcp(two.slot.address, 8080), tcp(one.slot.address, 8080)]))
      expect(said).toMatch(REFUSED);
    await one.ip(`route add ${two.slot.address}/32 via 169.254.0.22`);
    for (const said of await one.dial([tcp(two.slot.address, 8080)])) expect(said).toMatch(REFUSED);
  });

  it("a spoofed source leaves the slot with no packet", async () => {
    for (const address of ["8.8.4.4", two.slot.address]) await one.ip(`addr add ${address}/32 dev eth0`);
    await one.dial([
      { udp: INTERNET, port: 9, text: "honest" },
      { udp: INTERNET, port: 9, text: "spoofed", from: "8.8.4.4" },
      { udp: INTERNET, port: 9, text: "spoofed", from: two.slot.address },
    ]);
    const { heard } = await lab.heard();
    expect(heard.some((line) => line.endsWith("honest"))).toBe(true);
    expect(heard.filter((line) => line.endsWith("spoofed"))).toEqual([]);
    // Claiming the neighbour's address on its own wire does not draw the neighbour's traffic.
    expect(await dialFromHost([{ ...tcp(two.slot.address, 8080), send: "to two" }])).toEqual(["to two"]);
  });

  it("a changed MAC harms nobody", async () => {
    await one.ip("link set eth0 address 02:fc:00:00:00:77");
    expect(await one.dial([tcp(INTERNET)])).toEqual(["open"]);
    expect(await dialFromHost([tcp(two.slot.address, 8080)])).toEqual(["open"]);
  });

  it("strangers outside do not reach sandboxes through the host", async () => {
    await runTool(["ip", "-n", `lab-${TAG}`, "route", "add", "10.213.4.0/24", "via", lab.hostAddress]);
    const dial = `${import.meta.dir}/fixtures/dial.ts`;
    const targets = [tcp(two.slot.address, 8080), { dns: "10.213.4.254", port: 10_053, name: "example.test" }];
    const said = JSON.parse(
      await runTool(["nsenter", `--net=/run/netns/lab-${TAG}`, process.execPath, dial, JSON.stringify(targets)]),
    ) as string[];
    expect(said).toEqual(["silence", "silence"]);
  });
});

describe("C6: the user's rules", () => {
  it("deny all leaves nothing, names included", async () => {
    await pool.applyEgress(two.slot, { allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
    const [internet, name, proxy] = await two.dial([
      tcp(INTERNET),
      { dns: two.slot.guestGateway, name: "fresh-1.test" },
      tcp("10.99.0.5", 3128),
    ]);
    expect(internet).toMatch(REFUSED);
    expect(name).toBe("silence");
    expect(proxy).toMatch(REFUSED); // else the host's proxy would be the way out
    expect(await dialFromHost([tcp(two.slot.address, 8080)])).toEqual(["open"]);
  });

  it("deny all with an allow list leaves exactly that list, and names", async () => {
    await pool.applyEgress(two.slot, { allowedCidrs: [INTERNET_LOW], deniedCidrs: ["0.0.0.0/0"] });
    const [denied, allowed, name] = await two.dial([
      tcp(INTERNET),
      tcp(INTERNET_LOW),
      { dns: two.slot.guestGateway, name: "fresh-2.test" },
    ]);
    expect(denied).toMatch(REFUSED);
    expect(allowed).toBe("open");
    expect(name).toStartWith("NOERROR");
  });

  it("a range that ends with the last address, and ranges that overlap, apply", async () => {
    for (const deniedCidrs of [
      ["192.0.0.0/2"],
      ["198.0.0.0/8", "128.0.0.0/1", "198.51.100.0/24", "255.255.255.255/32", "198.51.0.0/16"],
    ]) {
      await pool.applyEgress(two.slot, { allowedCidrs: [], deniedCidrs });
      const [denied, open] = await two.dial([tcp(INTERNET), tcp(INTERNET_LOW)]);
      expect(denied).toMatch(REFUSED);
      expect(open).toBe("open");
    }
  });

  it("empty lists open everything again", async () => {
    await pool.applyEgress(two.slot, OPEN_EGRESS);
    expect(await two.dial([tcp(INTERNET), tcp(INTERNET_LOW)])).toEqual(["open", "open"]);
  });

  it("an open flow survives an update that forbids its like", async () => {
    const talk = Bun.spawn(
      [
        "nsenter",
        `--net=/run/netns/${two.netns}`,
        process.execPath,
        "-e",
        `
        const socket = require("net").connect(80, "${INTERNET}");
        socket.on("data", (chunk) => process.stdout.write(chunk));
        process.stdin.on("data", (chunk) => socket.write(chunk));`,
      ],
      { stdin: "pipe", stdout: "pipe", stderr: "inherit" },
    );
    const reader = talk.stdout.getReader();
    const next = async (): Promise<string> => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toBe("hello\n");
    await pool.applyEgress(two.slot, { allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
    talk.stdin.write("still here");
    talk.stdin.flush();
    expect(await next()).toBe("still here");
    expect((await two.dial([tcp(INTERNET)]))[0]).toMatch(REFUSED);
    talk.kill();
    await talk.exited;
    await pool.applyEgress(two.slot, OPEN_EGRESS);
  });

  it("what is no address is refused and changes nothing", async () => {
    await expect(
      pool.applyEgress(two.slot, { allowedCidrs: ["example.com"], deniedCidrs: ["0.0.0.0/0"] }),
    ).rejects.toMatchObject({ code: "network_bad_cidr" });
    expect(await two.dial([tcp(INTERNET)])).toEqual(["open"]);
  });
});

describe("C9: one sandbox against all", () => {
  it("cannot hold more than its share of the host's connection table", async () => {
    await two.dial([{ udp: INTERNET, port: 20_000, text: "x", toPorts: 9_000 }]);
    const count = Number(
      await runTool(["nsenter", `--net=${two.slot.netnsPath}`, "cat", "/proc/sys/net/netfilter/nf_conntrack_count"]),
    );
    expect(count).toBeGreaterThan(4_000);
    expect(count).toBeLessThanOrEqual(8_192 + 64);
    expect(await one.dial([tcp(INTERNET)])).toEqual(["open"]);
  });
});

describe("the host's own rules", () => {
  it("hold even where a slot's rules have been emptied", async () => {
    const slot = await pool.lease(signal);
    await using bare = await startGuest(TAG, slot);
    const nft = (line: string) => runTool(["nsenter", `--net=${slot.netnsPath}`, "nft", "-f", "-"], `${line}\n`);
    await nft("flush set inet sandlot denied");
    expect(await bare.dial([tcp(INTERNET)])).toEqual(["open"]);
    const targets = [...FORBIDDEN, lab.neighbour].map((address) => tcp(address));
    targets.push(tcp(lab.hostAddress, 8099), tcp(two.slot.address, 8080), tcp("10.213.4.254", 8099));
    for (const said of await bare.dial(targets)) expect(said).toMatch(REFUSED);
    // Without its address translation the guest's own address would leave: the host takes no such packet.
    await nft("flush chain inet sandlot postrouting");
    await bare.dial([{ udp: INTERNET, port: 9, text: "untranslated" }]);
    expect((await lab.heard()).heard.filter((line) => line.endsWith("untranslated"))).toEqual([]);
    await pool.release(slot);
  });
});
