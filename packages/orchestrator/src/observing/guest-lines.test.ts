import { describe, expect, it } from "bun:test";
import { limits } from "../limits";
import { readGuestLines } from "./guest-lines";

const NOW = Date.parse("2026-11-22T00:00:00Z");

describe(readGuestLines, () => {
  it("reads envd's own lines with level, logger, time and fields", () => {
    const text =
      '{"level":"warn","time":"2026-11-21T23:59:58Z","logger":"envd.forwarder","port":80,"msg":"not forwarded"}\n';
    expect(readGuestLines(text, NOW)).toEqual([
      { atMs: NOW - 2_000, level: "warn", logger: "envd.forwarder", message: "not forwarded", fields: { port: "80" } },
    ]);
  });

  it("keeps what is no JSON as text, escapes and all, and leaves an unfinished line for later", () => {
    const [line, ...rest] = readGuestLines('\u001b[31mred {"level":"error"}\n{"unfinished', NOW);
    expect(line).toMatchObject({ level: "info", logger: "init", message: '\u001b[31mred {"level":"error"}' });
    expect(rest).toEqual([]);
  });

  it("does not believe a stranger's time, level or size", () => {
    const forged = { level: "fatal", time: "1999-01-01T00:00:00Z", logger: 7, msg: "x".repeat(9_000) };
    const [line] = readGuestLines(`${JSON.stringify(forged)}\n`, NOW);
    expect(line).toMatchObject({ atMs: NOW, level: "info", logger: "envd" });
    expect(line?.message.length).toBe(limits.guestLineChars + 1);
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, "y".repeat(600)]));
    const [wide] = readGuestLines(`${JSON.stringify({ msg: "", ...many })}\n`, NOW);
    expect(Object.keys(wide?.fields ?? {}).length).toBeLessThanOrEqual(limits.guestLineFields);
    const [future] = readGuestLines('{"time":"2027-01-01T00:00:00Z","msg":"a"}\n', NOW);
    expect(future?.atMs).toBe(NOW);
  });

  it("lets through no character that a database refuses", () => {
    const halves = `${"x".repeat(limits.guestLineChars - 1)}\u{1f600}`;
    const text = `{"msg":"a\\u0000b\\ud800","k\\u0000":"\\udc00"}\nraw\0text\n${halves}\n`;
    const [json, raw, cutInTwo] = readGuestLines(text, NOW);
    expect(json).toMatchObject({ message: "a\ufffdb\ufffd", fields: { "k\ufffd": "\ufffd" } });
    expect(raw?.message).toBe("raw\ufffdtext");
    expect(cutInTwo?.message.isWellFormed()).toBe(true);
  });
});
