import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { findNeighbours, judgeTrust } from "./neighbours";
import { judgeDisk, judgeMemory } from "./resources";

async function topics(files: Readonly<Record<string, string>>): Promise<string[]> {
  const root = mkdtempSync(join(tmpdir(), "sandlot-host-"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  const found = await findNeighbours({ root });
  rmSync(root, { recursive: true });
  return found.map(({ topic, state, says }) => `${state} ${topic}: ${says}`);
}

test("names firewalls and security modules that are there, and only those", async () => {
  expect(await topics({})).toEqual(["good SELinux: not in use", "good AppArmor: not in use"]);
  const all = await topics({
    "run/docker.sock": "",
    "etc/ufw/ufw.conf": "ENABLED=yes\nLOGLEVEL=low\n",
    "run/firewalld.pid": "12",
    "sys/fs/selinux/enforce": "1",
    "sys/module/apparmor/parameters/enabled": "Y\n",
    "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
  });
  expect(all.map((line) => line.split(":")[0])).toEqual([
    "note Docker",
    "note ufw",
    "note firewalld",
    "note SELinux",
    "note AppArmor",
  ]);
  expect(all.at(-1)).toContain("user namespaces");
  expect(await topics({ "etc/ufw/ufw.conf": "ENABLED=no\n", "sys/fs/selinux/enforce": "0" })).toHaveLength(2);
});

test("says which proxy sandboxes get, without its password, and when they cannot reach it", () => {
  const proxyOf = (env: Record<string, string>) => judgeTrust(env)[0];
  expect(proxyOf({})).toMatchObject({ state: "good", says: "none" });
  expect(proxyOf({ https_proxy: "http://me:secret@proxy:3128" })?.says).toStartWith("http://proxy:3128, handed on");
  expect(proxyOf({ HTTP_PROXY: "http://127.0.0.1:3128" })).toMatchObject({ state: "note" });
});

test("too little disk or memory is a problem, little is a note", () => {
  const GiB = 1024 ** 3;
  const disk = (freeBytes: number) =>
    judgeDisk({ totalBytes: 100 * GiB, freeBytes }, { dataDir: "/data", reserveMiB: undefined }).state;
  expect([disk(GiB), disk(3 * GiB), disk(50 * GiB)]).toEqual(["problem", "note", "good"]);
  const memory = (totalBytes: number, availableBytes: number) => judgeMemory({ totalBytes, availableBytes }).state;
  expect([memory(4 * GiB, GiB / 2), memory(GiB * 1.5, GiB), memory(8 * GiB, 6 * GiB)]).toEqual([
    "problem",
    "note",
    "good",
  ]);
});
