import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cpioArchive } from "./cpio";

/** Read again by hand: hosts need not have a cpio. */
function entriesIn(archive: Buffer): { name: string; mode: string; bytes: string; device: string }[] {
  const found: { name: string; mode: string; bytes: string; device: string }[] = [];
  for (let at = 0; ; ) {
    expect(archive.toString("latin1", at, at + 6)).toBe("070701");
    const field = (index: number): number =>
      Number.parseInt(archive.toString("latin1", at + 6 + index * 8, at + 14 + index * 8), 16);
    const nameAt = at + 110;
    const name = archive.toString("latin1", nameAt, nameAt + field(11) - 1);
    if (name === "TRAILER!!!") return found;
    const bytesAt = Math.ceil((nameAt + field(11)) / 4) * 4;
    found.push({
      name,
      mode: field(1).toString(8),
      bytes: archive.toString("latin1", bytesAt, bytesAt + field(6)),
      device: `${field(9)}:${field(10)}`,
    });
    at = Math.ceil((bytesAt + field(6)) / 4) * 4;
  }
}

const ENTRIES = [
  { kind: "directory", name: "dev", mode: 0o755 },
  { kind: "device", name: "dev/console", mode: 0o600, major: 5, minor: 1 },
  { kind: "file", name: "init", mode: 0o755, bytes: Buffer.from("program") },
  { kind: "link", name: "modprobe", target: "/init" },
] as const;

test("writes what the kernel unpacks into its first root", () => {
  expect(entriesIn(Buffer.from(cpioArchive(ENTRIES)))).toEqual([
    { name: "dev", mode: "40755", bytes: "", device: "0:0" },
    { name: "dev/console", mode: "20600", bytes: "", device: "5:1" },
    { name: "init", mode: "100755", bytes: "program", device: "0:0" },
    { name: "modprobe", mode: "120777", bytes: "/init", device: "0:0" },
  ]);
});

test("is unpacked by cpio as it was meant", async () => {
  if (Bun.which("cpio") === null) return; // the integration test unpacks one by the kernel itself
  const into = mkdtempSync(join(tmpdir(), "sandlot-cpio-"));
  try {
    const child = Bun.spawn(["cpio", "-idm", "--quiet", "init", "modprobe"], {
      cwd: into,
      stdin: Buffer.from(cpioArchive(ENTRIES)),
    });
    expect(await child.exited).toBe(0);
    expect(readFileSync(join(into, "init"), "utf8")).toBe("program");
    expect(statSync(join(into, "init")).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(into, "modprobe"))).toBe("/init");
  } finally {
    rmSync(into, { recursive: true });
  }
});
