import { describe, expect, test } from "bun:test";
import { encodeLine, lineOf } from "./lines";
import { resultLine, withoutQuotes } from "./mime";

const message = (type: string, content: Record<string, unknown>) => ({ type, parentId: "1", content });

describe(lineOf, () => {
  test("turns a kernel's messages into the lines of the clients", () => {
    expect(lineOf(message("stream", { name: "stderr", text: "t" }), 5)).toEqual({
      type: "stderr",
      text: "t",
      timestamp: 5e6,
    });
    expect(lineOf(message("execute_input", { execution_count: 3 }), 5)).toEqual({
      type: "number_of_executions",
      execution_count: 3,
    });
    expect(lineOf(message("error", { ename: "E", evalue: "v", traceback: ["a", "b"] }), 5)).toEqual({
      ...{ type: "error", name: "E", value: "v", traceback: "a\nb" },
    });
    expect(lineOf(message("execute_result", { data: { "text/plain": "'x'" } }), 5)).toEqual({
      ...{ type: "result", text: "x", is_main_result: true },
    });
    expect(lineOf(message("status", { execution_state: "busy" }), 5)).toBeUndefined();
  });

  test("writes times as whole nanoseconds", () => {
    const line = lineOf(message("stream", { name: "stdout", text: "" }), 1_795_314_023_304);
    expect(JSON.stringify(line)).toContain('"timestamp":1795314023304000000');
  });
});

describe(resultLine, () => {
  test("keeps what has no name in extra, and beside it", () => {
    expect(resultLine({ "text/html": ["<b>", "x"], "application/x-own": 1 }, false)).toEqual({
      ...{
        type: "result",
        html: "<b>x",
        "application/x-own": 1,
        extra: { "application/x-own": 1 },
        is_main_result: false,
      },
    });
  });

  test("cannot be made to look like another line", () => {
    expect(resultLine({ type: "error", is_main_result: true }, false)).toMatchObject({
      type: "result",
      is_main_result: false,
    });
  });
});

test("takes one pair of quotes off a text", () => {
  expect(["'a'", '"a"', "'a", "a'", "'", "''", "'a\"", "''a''"].map(withoutQuotes)).toEqual([
    "a",
    "a",
    "'a",
    "a'",
    "'",
    "",
    "'a\"",
    "'a'",
  ]);
});

test("writes lines in ASCII that mean the same", () => {
  const line = { type: "stdout", text: 'é 😀 \u2028 \n"', timestamp: 1 } as const;
  const text = encodeLine(line);
  expect(Buffer.byteLength(text)).toBe(text.length);
  expect(text).toEndWith("}\n");
  expect(text.trimEnd()).not.toContain("\n");
  expect(JSON.parse(text)).toEqual(line);
});
