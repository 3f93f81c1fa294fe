/** A real process's memory, scanned, written down and put back. Needs root and a compiler. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import {
  linkSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyDiff, beginBase, DiffFile, ProcessMemory, storedBytesOf, writeDiff } from "../src/index";

const TOTAL = 64 << 20;
const signal = AbortSignal.timeout(30_000);
const canTrace = process.getuid?.() === 0 && Bun.which("gcc") !== null;

describe.skipIf(!canTrace)("a process's memory", () => {
  let dir = "";
  let program = "";
  let count = 0;
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), "sandlot-memory-"));
    program = join(dir, "holds-memory");
    const made = Bun.spawnSync(["gcc", "-O2", "-Wall", "-o", program, join(import.meta.dir, "holds-memory.c")]);
    if (made.exitCode !== 0) throw new Error(made.stderr.toString());
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const fresh = (name: string): string => join(dir, `${name}-${++count}`);

  /** A base of which every fourth megabyte holds something. */
  function makeBase(): string {
    const path = fresh("base");
    const bytes = Buffer.alloc(TOTAL);
    for (let at = 0; at < TOTAL; at += 4 << 20) bytes.fill(0xb0 + (at >> 22), at, at + (1 << 20));
    writeFileSync(path, bytes);
    return path;
  }

  async function hold(path: string) {
    const child = Bun.spawn([program, path, String(TOTAL)], { stdin: "pipe", stdout: "pipe" });
    const reader = child.stdout.getReader();
    let text = "";
    const line = async (): Promise<string> => {
      while (!text.includes("\n")) text += new TextDecoder().decode((await reader.read()).value);
      const end = text.indexOf("\n");
      const first = text.slice(0, end);
      text = text.slice(end + 1);
      return first;
    };
    const range = { pid: child.pid, address: Number(await line()), sizeBytes: TOTAL };
    return {
      range,
      async tell(what: "w" | "r", page: number, byte = 0): Promise<number> {
        child.stdin.write(`${what} ${page} ${byte}\n`);
        await child.stdin.flush();
        return Number(await line());
      },
      async [Symbol.asyncDispose]() {
        child.kill("SIGKILL");
        await child.exited;
      },
    };
  }

  it("tells what was changed from what was only read, and puts it into another process", async () => {
    const base = makeBase();
    await using first = await hold(base);
    for (const page of [0, 1, 255, 8000, 16383]) await first.tell("w", page, 7);
    await first.tell("w", 2, 0); // was 0xb0: now a page of zeros
    for (const page of [1024, 5000]) await first.tell("r", page);
    using memory = new ProcessMemory(first.range);
    const runs = memory.ownPages();
    expect(runs.map(({ firstPage, pages }) => [firstPage, pages])).toEqual([
      [0, 3],
      [255, 1],
      [8000, 1],
      [16383, 1],
    ]);
    const path = fresh("diff");
    const { storedBytes } = await writeDiff({ path, source: memory, runs, totalBytes: TOTAL }, signal);
    expect(statSync(path).size).toBe(storedBytes);
    expect(storedBytes).toBe(6 * 4096 + 5 * 8);
    await using second = await hold(base);
    using target = new ProcessMemory(second.range);
    await applyDiff({ path, target, totalBytes: TOTAL }, signal);
    const seen: number[] = [];
    for (const page of [0, 1, 2, 3, 255, 8000, 16383]) seen.push(await second.tell("r", page));
    expect(seen).toEqual([7, 7, 0, 0xb0, 7, 7, 7]);
    // What was patched is its own, as if it had written it itself: the next diff has it too.
    expect(target.ownPages()).toEqual(runs);
    expect(readFileSync(base)[0]).toBe(0xb0);
  });

  it("becomes a sparse file of all that is not zero, with what lies below", async () => {
    await using anonymous = await hold("-");
    for (const page of [3, 4, 9000]) await anonymous.tell("w", page, 9);
    await anonymous.tell("w", 5, 0);
    using memory = new ProcessMemory(anonymous.range);
    const path = fresh("whole");
    const wanted = { path, source: memory, runs: memory.ownPages(), totalBytes: TOTAL };
    await (await beginBase(wanted, signal)).finish(signal);
    expect(statSync(path).size).toBe(TOTAL);
    expect(storedBytesOf(path)).toBeLessThanOrEqual(16 << 10);
    const below = makeBase();
    await using mapped = await hold(below);
    await mapped.tell("w", 1, 0);
    await mapped.tell("w", 2000, 5);
    using its = new ProcessMemory(mapped.range);
    const merged = fresh("merged");
    const begun = await beginBase(
      { path: merged, source: its, runs: its.ownPages(), totalBytes: TOTAL, below },
      signal,
    );
    await mapped.tell("w", 2, 1); // it runs on
    await begun.finish(signal);
    const expected = readFileSync(below);
    expected.fill(0, 4096, 8192);
    expected.fill(5, 2000 * 4096, 2001 * 4096);
    expect(Buffer.compare(readFileSync(merged), expected)).toBe(0);
    expect(storedBytesOf(merged)).toBeLessThan(17 << 20);
  });

  it("keeps the file it maps, whatever becomes of that file's name", async () => {
    const base = makeBase();
    const own = fresh("own-name");
    linkSync(base, own);
    await using old = await hold(base);
    // Another file takes its name, as a newer build would, and then the name goes altogether.
    const newer = fresh("newer");
    writeFileSync(newer, Buffer.alloc(TOTAL, 0x11));
    renameSync(newer, base);
    await using young = await hold(base);
    expect([await old.tell("r", 0), await young.tell("r", 0)]).toEqual([0xb0, 0x11]);
    rmSync(base);
    expect([await old.tell("r", 1024), await young.tell("r", 1024)]).toEqual([0xb1, 0x11]);
    // Its pages stay in the host's cache as long as somebody maps it; what it is called by itself still says what it is.
    using memory = new ProcessMemory(old.range);
    await old.tell("w", 1, 3);
    expect(memory.ownPages()).toEqual([{ firstPage: 1, pages: 1 }]);
    expect(readFileSync(own).readUInt8(1024 * 4096)).toBe(0xb1);
  });

  it("is refused when it is not there, and a damaged file before anything is written", async () => {
    await using one = await hold(makeBase());
    const wrong = { ...one.range, address: one.range.address + (1 << 40) };
    expect(() => new ProcessMemory(wrong)).toThrow("no private memory");
    expect(() => new ProcessMemory({ ...one.range, startTime: "1" })).toThrow("another process");
    expect(() => new ProcessMemory({ ...one.range, pid: 2 ** 22 - 3 })).toThrow("cannot be reached");
    using memory = new ProcessMemory(one.range);
    await one.tell("w", 10, 1);
    const path = fresh("cut");
    await writeDiff({ path, source: memory, runs: memory.ownPages(), totalBytes: TOTAL }, signal);
    const elsewhere = applyDiff({ path, target: memory, totalBytes: TOTAL * 2 }, signal);
    await expect(elsewhere).rejects.toThrow("and not of");
    truncateSync(path, statSync(path).size - 1);
    expect(() => new DiffFile(path)).toThrow("another length");
    truncateSync(path, 10);
    expect(() => new DiffFile(path)).toThrow("cut short");
    const stop = AbortSignal.abort(new Error("called off"));
    const broken = fresh("broken");
    const off = writeDiff({ path: broken, source: memory, runs: memory.ownPages(), totalBytes: TOTAL }, stop);
    await expect(off).rejects.toThrow("called off");
    expect(() => new DiffFile(broken)).toThrow("cannot be used");
    await one[Symbol.asyncDispose]();
    expect(() => memory.readPages(Buffer.alloc(4096), 0)).toThrow();
  });
});
