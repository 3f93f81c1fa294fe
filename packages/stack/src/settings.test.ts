import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { changedSettings, keepSettings, resolveSettings, tagOf } from "./settings";
import { freeSlotCidr, ipv4 } from "./slot-cidr";

const dir = mkdtempSync(join(tmpdir(), "sandlot-settings-"));
afterAll(() => rmSync(dir, { recursive: true }));
const cidr = (): string => "10.12.0.0/16";

test("said now beats said before beats the default", () => {
  const first = resolveSettings({ dataDir: dir, portBase: 4000, ports: { proxy: 4999 }, warm: 9 }, cidr);
  expect(first.ports).toMatchObject({ api: 4000, proxyHealth: 4001, proxy: 4999, nodeGrpc: 4008, redis: 4013 });
  keepSettings(first);
  const second = resolveSettings({ dataDir: `${dir}/.`, ports: { api: 3000 } }, () => "10.99.0.0/16");
  expect(second).toEqual({ ...first, ports: { ...first.ports, api: 3000 } });
});

test("tells what would change", () => {
  const held = resolveSettings({ dataDir: "/nowhere" }, cidr);
  expect(changedSettings(held, { ...held })).toEqual([]);
  const asked = resolveSettings({ dataDir: "/nowhere", runtime: "qemu", dns: "host", ports: { api: 4000 } }, cidr);
  expect(changedSettings(held, asked)).toEqual([
    "dns is not set and not host",
    "runtime is container and not qemu",
    "port of the API is 3000 and not 4000",
  ]);
});

test("the tag follows the directory", () => {
  expect(tagOf("/var/lib/sandlot")).toMatch(/^[a-z0-9]{4}$/);
  expect(tagOf("/a")).not.toBe(tagOf("/b"));
});

test.each([
  [{ tag: "ABCD" }, "--tag"],
  [{ slotCidr: "10.0.0.0" }, "--slot-cidr"],
  [{ ports: { api: 0 } }, "--api-port"],
  [{ ports: { api: 5000, proxy: 5000 } }, "--proxy-port"],
  [{ portBase: 65_530 }, "must be a port"],
  [{ guestCa: "/no/such.pem" }, "--guest-ca"],
  [{ storage: "tape" }, "--storage"],
  [{ sandboxConnections: 0 }, "--sandbox-connections"],
  [{ sandboxBandwidthKiB: 5_000_000 }, "--sandbox-bandwidth"],
  [{ runtime: "docker" }, "--runtime"],
  [{ runtime: "auto,qemu" }, "--runtime"],
  [{ runtime: "qemu,qemu" }, "--runtime"],
])("refuses %o and names the flag", (wrong, word) => {
  expect(() => resolveSettings({ dataDir: "/nowhere", ...wrong }, cidr)).toThrow(word);
});

test("picks a slot range that nothing on the host overlaps", () => {
  const range = (text: string, bits: number) => ({ from: ipv4(text), mask: (0xffffffff << (32 - bits)) >>> 0 });
  expect(freeSlotCidr([])).toBe("10.12.0.0/16");
  expect(freeSlotCidr([range("10.12.5.0", 31), range("10.13.0.1", 24)])).toBe("10.14.0.0/16");
  expect(freeSlotCidr([range("10.12.0.0", 14)])).toBe("10.16.0.0/16");
});
