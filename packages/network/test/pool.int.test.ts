/** The life of slots: stock, burst, exhaustion, giving back, crash and adoption, and leaving nothing behind. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "bun:test";
import { readFile, rm } from "node:fs/promises";
import { OPEN_EGRESS } from "@sandlot/domain";
import { sleep } from "@sandlot/lifetime";
import { startLogger } from "@sandlot/telemetry";
import { runIpBatch, runTool } from "../src/command";
import { probeNetwork, removeNetwork, type Slot, type SlotPool, startSlotPool } from "../src/index";
import { countFlows } from "../src/slots/conntrack";
import { DNS_UPSTREAM, dialFromHost, INTERNET, type Lab, leftovers, startGuest, startLab } from "./fixtures/lab";

const TAG = "zt02";
const OTHER = "zt03";
const CIDR = "10.213.8.0/23";
const signal = new AbortController().signal;
const forwarding = async (): Promise<string> => (await readFile("/proc/sys/net/ipv4/ip_forward", "utf8")).trim();
const timings: Record<string, number> = {};

let lab: Lab;
const pools: SlotPool[] = [];

async function start(
  of: { poolSize?: number; maxSlots?: number; tag?: string; slotCidr?: string } = {},
): Promise<SlotPool> {
  const pool = await startSlotPool(
    { tag: TAG, slotCidr: CIDR, poolSize: 4, maxSlots: 150, dnsUpstreams: [DNS_UPSTREAM], ...of },
    { log: startLogger("test", "error") },
  );
  pools.push(pool);
  return pool;
}

async function untilReady(pool: SlotPool, count: number): Promise<void> {
  for (let tries = 0; pool.counts().ready < count && tries < 200; tries += 1) await sleep(25);
  expect(pool.counts().ready).toBe(count);
}

const median = (numbers: number[]): number =>
  Number([...numbers].sort((a, b) => a - b)[numbers.length >> 1]?.toFixed(2));

async function timed<T>(into: number[], work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  const result = await work();
  into.push(performance.now() - startedAt);
  return result;
}

beforeAll(async () => {
  lab = await startLab(TAG, 8);
}, 60_000);

afterEach(async () => {
  for (const pool of pools.splice(0)) await pool.removeAll();
  expect(
    [...(await leftovers(TAG)), ...(await leftovers(OTHER))].filter(
      (name) => !name.includes(`lb${TAG}`) && !name.includes(`lab-${TAG}`),
    ),
  ).toEqual([]);
}, 60_000);

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  expect(await leftovers(TAG)).toEqual([]);
  process.stdout.write(`slot timings in ms: ${JSON.stringify(timings)}\n`);
}, 60_000);

describe("leases", () => {
  it("come from stock at once, and a first policy is soon in force", async () => {
    const pool = await start({ poolSize: 20 });
    await untilReady(pool, 20);
    const leaseMs: number[] = [];
    const firstMs: number[] = [];
    const replaceMs: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const slot = await timed(leaseMs, () => pool.lease(signal));
      await timed(firstMs, () => pool.applyEgress(slot, { allowedCidrs: [INTERNET], deniedCidrs: ["0.0.0.0/0"] }));
      await timed(replaceMs, () => pool.applyEgress(slot, OPEN_EGRESS));
      await untilReady(pool, 20);
    }
    Object.assign(timings, { lease: median(leaseMs), firstPolicy: median(firstMs), replacedPolicy: median(replaceMs) });
    // Some 1 and 5 ms on a quiet machine; a slot that had to be made first takes hundreds.
    expect(median(leaseMs)).toBeLessThan(150);
    expect(median(firstMs)).toBeLessThan(1_000);
  });

  it("a burst of 100 gets 100 different slots, and all can be given back at once", async () => {
    const pool = await start();
    const burst: number[] = [];
    const slots = await timed(burst, () => Promise.all(Array.from({ length: 100 }, () => pool.lease(signal))));
    expect(new Set(slots.map(({ address }) => address)).size).toBe(100);
    const back: number[] = [];
    await timed(back, () => Promise.all(slots.map((slot) => pool.release(slot))));
    Object.assign(timings, { burst100: median(burst), release100: median(back) });
    expect(pool.counts().leased).toBe(0);
  });

  it("beyond the last slot a clear fault comes, and room again after a release", async () => {
    const pool = await start({ poolSize: 1, maxSlots: 3 });
    const slots = await Promise.all([1, 2, 3].map(() => pool.lease(signal)));
    await expect(pool.lease(signal)).rejects.toMatchObject({ code: "network_slots_exhausted", kind: "unavailable" });
    await pool.release(slots[0] as Slot);
    expect((await pool.lease(signal)).index).toBe(slots[0]?.index as number);
  });

  it("a caller that gives up while waiting costs nobody a slot", async () => {
    const pool = await start({ poolSize: 0, maxSlots: 2 });
    const stop = new AbortController();
    const given = pool.lease(stop.signal);
    stop.abort(new Error("gone"));
    await expect(given).rejects.toThrow("gone");
    await Promise.all([pool.lease(signal), pool.lease(signal)]);
  });

  it("giving back twice does not hit the next tenant", async () => {
    const pool = await start({ poolSize: 0, maxSlots: 1 });
    const first = await pool.lease(signal);
    await pool.release(first);
    const second = await pool.lease(signal);
    expect(second.index).toBe(first.index);
    await pool.release(first);
    await expect(pool.applyEgress(first, OPEN_EGRESS)).rejects.toMatchObject({ code: "network_slot_unknown" });
    expect(pool.counts().leased).toBe(1);
    await pool.applyEgress(second, { allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
  });
});

describe("release", () => {
  it("cuts flows on both sides, fails later dials at once, and forgets the host's table entries", async () => {
    const pool = await start();
    const slot = await pool.lease(signal);
    await using guest = await startGuest(TAG, slot);
    await guest.serve([8080]);
    await guest.dial([
      { udp: INTERNET, port: 9, text: "x" },
      { tcp: INTERNET, port: 80 },
    ]);
    expect(countFlows(slot.address)).toBeGreaterThan(0);
    const ended = Promise.withResolvers<number>();
    const opened = Promise.withResolvers<void>();
    await Bun.connect({
      hostname: slot.address,
      port: 8080,
      socket: { data: () => opened.resolve(), close: () => ended.resolve(performance.now()), error: () => undefined },
    });
    await opened.promise;
    const startedAt = performance.now();
    await pool.release(slot);
    expect((await ended.promise) - startedAt).toBeLessThan(10_000);
    const [said] = await dialFromHost([{ tcp: slot.address, port: 8080 }]);
    expect(said).toMatch(/^E/); // Bun reports every immediate failure as ECONNREFUSED
    expect(countFlows(slot.address)).toBe(0);
  });

  it("a policy does not outlive its lease", async () => {
    const pool = await start({ poolSize: 0, maxSlots: 1 });
    const first = await pool.lease(signal);
    await pool.applyEgress(first, { allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
    await pool.release(first);
    await using guest = await startGuest(TAG, await pool.lease(signal));
    expect(await guest.dial([{ tcp: INTERNET, port: 80 }])).toEqual(["open"]);
  });
});

describe("a node that comes back", () => {
  it("adopts live slots with their flows and rules, and sweeps the rest", async () => {
    const before = await start();
    const [kept, lost] = [await before.lease(signal), await before.lease(signal)];
    await using guest = await startGuest(TAG, kept);
    await guest.serve([8080]);
    await before.applyEgress(kept, { allowedCidrs: [], deniedCidrs: ["0.0.0.0/0"] });
    await untilReady(before, 4);
    await before[Symbol.asyncDispose](); // leaves everything in place, as a kill does
    const after = await start();
    await after.sweep(new Set([kept.index]));
    const adopted = await after.adopt(kept.index);
    expect({ ...adopted, leaseId: 0 }).toEqual({ ...kept, leaseId: 0 });
    expect(await dialFromHost([{ tcp: kept.address, port: 8080 }])).toEqual(["open"]);
    expect(await guest.dial([{ tcp: INTERNET, port: 80 }])).not.toEqual(["open"]);
    await after.applyEgress(adopted, OPEN_EGRESS);
    expect(
      await guest.dial([
        { tcp: INTERNET, port: 80 },
        { dns: kept.guestGateway, name: "a.test" },
      ]),
    ).toEqual(["open", "NOERROR 1 198.51.100.7"]);
    await expect(after.adopt(lost.index)).rejects.toMatchObject({ code: "network_slot_lost" });
    await untilReady(after, 4);
  });

  it("never hands out an index that may still be someone's", async () => {
    const before = await start({ poolSize: 0, maxSlots: 2 });
    const held = await before.lease(signal);
    await before[Symbol.asyncDispose]();
    const after = await start({ poolSize: 0, maxSlots: 2 });
    expect((await after.lease(signal)).index).not.toBe(held.index);
    await expect(after.lease(signal)).rejects.toMatchObject({ code: "network_slots_exhausted" });
    await after.adopt(held.index);
  });

  it("does not adopt a slot whose address belongs to an earlier range", async () => {
    const before = await start({ poolSize: 0, slotCidr: "10.213.12.0/24", maxSlots: 10 });
    const held = await before.lease(signal);
    await before[Symbol.asyncDispose]();
    const after = await start({ poolSize: 0 });
    await expect(after.adopt(held.index)).rejects.toThrow("its address is gone");
  });

  it("copes with slots of which half is gone", async () => {
    const before = await start({ poolSize: 0 });
    const [a, b, c] = await Promise.all([1, 2, 3].map(() => before.lease(signal)));
    await before[Symbol.asyncDispose]();
    await runIpBatch([`link del sl${TAG}h${a?.index}`, `netns del sandlot-${TAG}-${b?.index}`]);
    const after = await start({ poolSize: 0, maxSlots: 3 });
    for (const slot of [a, b])
      await expect(after.adopt(slot?.index ?? -1)).rejects.toMatchObject({ code: "network_slot_lost" });
    await after.adopt(c?.index ?? -1);
    await after.sweep(new Set([c?.index ?? -1]));
    await Promise.all([after.lease(signal), after.lease(signal)]);
  });
});

describe("the host", () => {
  it("gets its rules back when someone flushes them", async () => {
    await start();
    await runTool(["nft", "delete", "table", "inet", `sandlot_${TAG}`]);
    for (let tries = 0; tries < 80; tries += 1) {
      await sleep(100);
      if ((await runTool(["nft", "list", "tables"])).includes(`sandlot_${TAG}`)) break;
    }
    expect(await runTool(["nft", "list", "table", "inet", `sandlot_${TAG}`])).toContain("input_from_slot");
  }, 60_000);

  it("carries two installations, and the one that leaves takes nothing from the other", async () => {
    const before = await forwarding();
    const first = await start();
    const second = await start({ tag: OTHER, slotCidr: "10.213.10.0/24", maxSlots: 20 });
    await first.removeAll();
    expect(await forwarding()).toBe("1");
    expect(await leftovers(OTHER)).not.toEqual([]);
    await using guest = await startGuest(OTHER, await second.lease(signal));
    expect(await guest.dial([{ tcp: INTERNET, port: 80 }])).toEqual(["open"]);
    await second.removeAll();
    // Other installations of this machine may hold the switch while the tests run.
    const holders = (await runTool(["ls", "/run/sandlot"]))
      .split("\n")
      .filter((name) => name.startsWith("ip_forward."));
    if (holders.length === 0) expect(await forwarding()).toBe(before);
  });

  it("refuses a range that is somebody else's", async () => {
    await start();
    await expect(startSlotPool({ tag: OTHER, slotCidr: CIDR, poolSize: 1, maxSlots: 10 })).rejects.toMatchObject({
      code: "network_cidr_taken",
    });
    await removeNetwork({ tag: OTHER, slotCidr: CIDR });
  });

  it("is cleaned without a pool, twice, and from half a state", async () => {
    const pool = await start();
    await pool.lease(signal);
    await pool[Symbol.asyncDispose]();
    await rm(`/run/sandlot/ip_forward.${TAG}x`, { force: true });
    await runIpBatch([`link del sl${TAG}d`]);
    for (let round = 0; round < 2; round += 1) await removeNetwork({ tag: TAG, slotCidr: CIDR });
  });

  it("is probed without being changed", async () => {
    const { problems, notes } = await probeNetwork();
    expect(notes.join()).toContain("uplink");
    await runTool(
      ["nft", "-f", "-"],
      `table ip ${TAG}_foreign {\n chain FORWARD {\n type filter hook forward priority 0; policy drop;\n accept\n }\n}\n`,
    );
    try {
      const { usable: isUsable, problems: found } = await probeNetwork();
      expect(isUsable).toBe(false);
      expect(found).toHaveLength(problems.length + 1);
      expect(found.join()).toContain(`${TAG}_foreign FORWARD drops`);
    } finally {
      await runTool(["nft", "delete", "table", "ip", `${TAG}_foreign`]);
    }
  });
});
