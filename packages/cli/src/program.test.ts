import { expect, test } from "bun:test";
import { defineFaults } from "@sandlot/faults";
import { type CommandSpec, command } from "./command";
import { runProgram } from "./program";

const faults = defineFaults("cli_test", {
  wrong: { kind: "invalid", say: () => "that is no number of legs" },
  absent: { kind: "missing", say: () => "there is no such beast" },
});

async function run(spec: CommandSpec, ...words: string[]): Promise<{ code: number; out: string; err: string }> {
  const [outs, errs]: [string[], string[]] = [[], []];
  const io = { out: (text: string) => void outs.push(`${text}\n`), err: (text: string) => void errs.push(`${text}\n`) };
  const idle = new AbortController().signal;
  const code = await runProgram({ commands: [spec], io, interrupts: { first: idle, second: idle }, env: {} }, words);
  return { code, out: outs.join(""), err: errs.join("") };
}

const walk = command({
  name: "walk",
  summary: "Go on legs",
  args: [{ name: "beast", help: "who goes" }],
  flags: {
    "leg-count": { kind: "whole", sample: "n", help: "how many", fallback: 4 },
    name: { kind: "text", sample: "word", help: "called what" },
    json: { kind: "switch", help: "as JSON" },
  },
  async run({ flags, rest, io }) {
    if (rest[0] === "unicorn") throw faults.absent({});
    if (flags["leg-count"] === 3) throw faults.wrong({});
    io.out(JSON.stringify([rest, flags]));
    return 0;
  },
});

test("gives a command its flags by their own names and types", async () => {
  const said = await run(walk, "walk", "cow", "--leg-count", "2", "--json");
  expect(JSON.parse(said.out)).toEqual([["cow"], { "leg-count": 2, json: true }]);
  expect(JSON.parse((await run(walk, "walk")).out)).toEqual([[], { "leg-count": 4, json: false }]);
});

test("0 done, 1 not done, 2 misuse, and one line says why", async () => {
  expect(await run(walk, "walk", "unicorn")).toEqual({ code: 1, out: "", err: "sandlot: there is no such beast\n" });
  expect(await run(walk, "walk", "--leg-count", "3")).toEqual({
    code: 2,
    out: "",
    err: "sandlot: that is no number of legs\n",
  });
  expect((await run(walk, "walk", "--leg-count", "many")).code).toBe(2);
  expect((await run(walk, "fly")).code).toBe(2);
  const help = await run(walk, "walk", "--help");
  expect(help.code).toBe(0);
  expect(help.out).toContain("--leg-count <n>");
});
