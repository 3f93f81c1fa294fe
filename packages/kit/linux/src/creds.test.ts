import { expect, test } from "bun:test";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asUser, withCreds } from "./creds";

const NOBODY = { uid: 65534, gid: 65534, groups: [65534, 12345] };

function status(field: string): string {
  const line = readFileSync("/proc/thread-self/status", "utf8")
    .split("\n")
    .find((row) => row.startsWith(`${field}:`));
  return line?.slice(field.length + 1).trim() ?? "";
}

test("asUser: file access is judged by the user's identity, and root's comes back", () => {
  const dir = mkdtempSync(join(tmpdir(), "creds-"));
  try {
    chmodSync(dir, 0o777);
    const secret = join(dir, "secret");
    writeFileSync(secret, "x", { mode: 0o600 });
    expect(() => asUser(NOBODY, () => readFileSync(secret))).toThrow("EACCES");
    expect(readFileSync(secret, "utf8")).toBe("x");
    asUser(NOBODY, () => writeFileSync(join(dir, "mine"), "y"));
    expect(statSync(join(dir, "mine")).uid).toBe(65534);
    expect(statSync(join(dir, "mine")).gid).toBe(65534);
    const groupOnly = join(dir, "group-only");
    writeFileSync(groupOnly, "g", { mode: 0o640 });
    Bun.spawnSync(["chown", "0:12345", groupOnly]);
    expect(asUser(NOBODY, () => readFileSync(groupOnly, "utf8"))).toBe("g");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("asUser: the effective capabilities over files are gone inside and back after", () => {
  const dacOverride = 1n << 1n;
  const before = BigInt(`0x${status("CapEff")}`);
  const inside = asUser(NOBODY, () => BigInt(`0x${status("CapEff")}`));
  expect(before & dacOverride).not.toBe(0n);
  expect(inside & dacOverride).toBe(0n);
  expect(BigInt(`0x${status("CapEff")}`)).toBe(before);
});

test("asUser: restores when the work throws, and refuses a promise", () => {
  const uids = status("Uid");
  expect(() =>
    asUser(NOBODY, () => {
      throw new Error("inside");
    }),
  ).toThrow("inside");
  expect(() => asUser(NOBODY, async () => 1)).toThrow("synchronous");
  expect(status("Uid")).toBe(uids);
});

test("withCreds: a child has the user's ids and supplementary groups and no capabilities", async () => {
  const before = [status("Uid"), status("Gid"), status("Groups"), status("CapEff")];
  const child = withCreds(NOBODY, () => Bun.spawn(["cat", "/proc/self/status"], { stdout: "pipe" }));
  const text = await child.stdout.text();
  expect(text).toContain("Uid:\t65534\t65534\t65534\t65534");
  expect(text).toContain("Groups:\t12345 65534");
  expect(text).toContain("CapPrm:\t0000000000000000");
  expect([status("Uid"), status("Gid"), status("Groups"), status("CapEff")]).toEqual(before);
});
