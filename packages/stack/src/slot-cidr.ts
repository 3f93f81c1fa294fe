/** Picks a range for sandbox slots that nothing on this host uses. */
import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Fault } from "@sandlot/faults";
import { holdLock } from "./lock";

/** Shared by all installations of a machine; gone after a reboot. */
const RESERVED = "/run/sandlot";
const DEFAULT = "10.12.0.0/16";

/** The default range, or the next /16 that overlaps neither a route nor an address of this host. */
export function freeSlotCidr(routes = readRoutes()): string {
  for (let second = 12; second < 28; second += 1) {
    const base = ipv4(`10.${second}.0.0`);
    if (!routes.some(({ from, mask }) => overlaps(base, 0xffff0000, from, mask))) return `10.${second}.0.0/16`;
  }
  return DEFAULT;
}

export type SlotReservation = Disposable & { readonly cidr: string };

/**
 * As above, but a range that another `up` has just picked, and whose routes are not there yet, is passed over. Dispose
 * of it once the node has made its routes; that of a process which died counts for nothing.
 */
export function reserveSlotCidr({ routes = readRoutes(), dir = RESERVED } = {}): SlotReservation {
  const passed: Range[] = [];
  for (;;) {
    const cidr = freeSlotCidr([...routes, ...passed]);
    const from = ipv4(cidr.split("/")[0] ?? "");
    // None is free: let the node say by what the default is used.
    if (passed.some((range) => range.from === from)) return { cidr, [Symbol.dispose]: () => undefined };
    try {
      const lock = holdLock({ lock: join(dir, `range-${cidr.split(".")[1]}.json`), dataDir: cidr });
      return { cidr, [Symbol.dispose]: () => lock[Symbol.dispose]() };
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.code !== "stack_busy") throw thrown;
      passed.push({ from, mask: 0xffff0000 });
    }
  }
}

type Range = { readonly from: number; readonly mask: number };

function overlaps(a: number, aMask: number, b: number, bMask: number): boolean {
  const common = (aMask & bMask) >>> 0;
  return (a & common) >>> 0 === (b & common) >>> 0;
}

/** The default route covers everything and so says nothing. */
function readRoutes(): Range[] {
  const rows = readFileSync("/proc/net/route", "utf8").trim().split("\n").slice(1);
  const routes = rows
    .map((row) => row.split("\t"))
    .map((fields) => ({ from: little(fields[1] ?? "0"), mask: little(fields[7] ?? "0") }))
    .filter(({ mask }) => mask !== 0);
  const addresses = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family }) => family === "IPv4")
    .map(({ address, netmask }) => ({ from: ipv4(address), mask: ipv4(netmask) }));
  return [...routes, ...addresses];
}

function little(hex: string): number {
  return Buffer.from(hex.padStart(8, "0"), "hex").readUInt32LE(0);
}

export function ipv4(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}
