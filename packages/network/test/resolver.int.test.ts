/** The guest resolver against upstreams that fail and guests that misbehave, on loopback. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { systemClock } from "@sandlot/lifetime";
import { startLogger } from "@sandlot/telemetry";
import { encode } from "dns-packet";
import { type GuestResolver, startGuestResolver } from "../src/dns/resolver";
import { readUpstreams } from "../src/dns/upstreams";
import { limits } from "../src/limits";
import type { Target } from "./fixtures/dial";
import { dialFromHost } from "./fixtures/lab";

const LOOPBACK = "127.0.0.1";
const GOOD = { address: LOOPBACK, port: 15_399 };
const CLOSED = { address: LOOPBACK, port: 15_398 };
const parts = { log: startLogger("test", "error"), clock: systemClock };

let outside: Bun.Subprocess<"ignore", "pipe", "inherit">;
let resolver: GuestResolver;

beforeAll(async () => {
  const what = { tcpPorts: [], udpPorts: [], dnsPort: GOOD.port, dnsAddress: LOOPBACK };
  const script = `${import.meta.dir}/fixtures/outside.ts`;
  outside = Bun.spawn([process.execPath, script, JSON.stringify(what)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  await outside.stdout.getReader().read();
  resolver = await startGuestResolver({ address: LOOPBACK, port: 0, upstreams: [GOOD] }, parts);
}, 60_000);

afterAll(async () => {
  await resolver[Symbol.asyncDispose]();
  outside.kill();
  await outside.exited;
});

const ask = (name: string, extra: object = {}): Target => ({ dns: LOOPBACK, port: resolver.port, name, ...extra });

describe(startGuestResolver, () => {
  it("takes the next upstream when one is dead, and says SERVFAIL when all are", async () => {
    await using second = await startGuestResolver({ address: LOOPBACK, port: 0, upstreams: [CLOSED, GOOD] }, parts);
    expect(await dialFromHost([{ ...ask("a.test"), port: second.port, waitMs: 5_000 } as Target])).toEqual([
      "NOERROR 1 198.51.100.7",
    ]);
    await using none = await startGuestResolver({ address: LOOPBACK, port: 0, upstreams: [] }, parts);
    expect(await dialFromHost([{ ...ask("a.test"), port: none.port } as Target])).toEqual(["SERVFAIL 0"]);
    expect(await dialFromHost([ask("silent.test", { waitMs: 9_000 })])).toEqual(["SERVFAIL 0"]);
  }, 60_000);

  it("answers everyone else while one guest closes its port before each answer", async () => {
    for (let round = 0; round < 20; round += 1) {
      const rude = createSocket("udp4");
      rude.on("error", () => undefined);
      const query = encode({
        type: "query",
        id: round,
        flags: 0x100,
        questions: [{ type: "A", name: `rude-${round}.test` }],
      });
      await new Promise<void>((resolve) => rude.send(query, resolver.port, LOOPBACK, () => resolve()));
      rude.close();
    }
    expect(await dialFromHost([ask("b.test"), ask("c.test"), ask("d.test")])).toEqual(
      Array(3).fill("NOERROR 1 198.51.100.7"),
    );
  });

  it("stays alive under garbage, on UDP and TCP", async () => {
    const socket = createSocket("udp4");
    socket.on("error", () => undefined);
    for (const text of ["", "x", "\0".repeat(12), "\xff".repeat(600), "\x80".repeat(12)])
      await new Promise<void>((resolve) =>
        socket.send(Buffer.from(text, "latin1"), resolver.port, LOOPBACK, () => resolve()),
      );
    socket.close();
    for (const bytes of [[0], [0, 3, 1, 2, 3], [255, 255, ...Array(6_000).fill(1)]]) {
      await new Promise<void>((resolve) => {
        const stream = connect({ host: LOOPBACK, port: resolver.port }, () => stream.end(Buffer.from(bytes)));
        stream.on("error", () => undefined);
        stream.on("close", () => resolve());
        stream.resume();
      });
    }
    expect(await dialFromHost([ask("e.test"), ask("e.test", { via: "tcp" })])).toEqual(
      Array(2).fill("NOERROR 1 198.51.100.7"),
    );
  });

  it("slows a guest that floods, and forgives it a second later", async () => {
    const socket = createSocket("udp4");
    let [answered, refused] = [0, 0];
    socket.on("message", (bytes) => {
      if (((bytes[3] ?? 0) & 15) === 0) answered += 1;
      else refused += 1;
    });
    await new Promise<void>((resolve) => socket.bind(0, LOOPBACK, resolve));
    const startMs = performance.now();
    for (let round = 0; round < 1_500; round += 1) {
      const query = encode({ type: "query", id: round, flags: 0x100, questions: [{ type: "A", name: "e.test" }] });
      socket.send(query, resolver.port, LOOPBACK);
      if (round % 50 === 0) await Bun.sleep(1);
    }
    await Bun.sleep(200);
    const seconds = (performance.now() - startMs) / 1000;
    expect(answered).toBeGreaterThan(100);
    expect(answered).toBeLessThanOrEqual(limits.dns.rateBurst + limits.dns.ratePerSecond * (seconds + 0.1));
    // Of a flood that a busy host has made slow, less is too much.
    expect(refused).toBeGreaterThan(Math.min(300, 900 - limits.dns.ratePerSecond * seconds));
    socket.close();
    await Bun.sleep(1_000);
    expect(await dialFromHost([ask("f.test")])).toEqual(["NOERROR 1 198.51.100.7"]);
  });
});

describe("a port of its own choosing", () => {
  it("is free for UDP and TCP, though strangers hold many TCP ports", async () => {
    await using held = new AsyncDisposableStack();
    for (let count = 0; count < 1_000; count += 1) {
      const stranger = createServer().listen(0, LOOPBACK);
      await once(stranger, "listening");
      held.defer(() => void stranger.close());
    }
    for (let count = 0; count < 100; count += 1) {
      const one = await startGuestResolver({ address: LOOPBACK, port: 0, upstreams: [GOOD] }, parts);
      await one[Symbol.asyncDispose]();
    }
  }, 60_000);
});

describe(readUpstreams, () => {
  it("takes addresses with and without port, and refuses the rest", async () => {
    expect(await readUpstreams(["1.2.3.4", "1.2.3.4:5353", "[::1]:53", "::1"])).toEqual([
      { address: "1.2.3.4", port: 53 },
      { address: "1.2.3.4", port: 5353 },
      { address: "::1", port: 53 },
      { address: "::1", port: 53 },
    ]);
    for (const bad of ["example.com", "1.2.3.4:0", "1.2.3.4:99999", "1.2.3:53"])
      await expect(readUpstreams([bad])).rejects.toMatchObject({ code: "network_bad_config" });
    expect((await readUpstreams(undefined)).length).toBeGreaterThan(0);
  });
});
