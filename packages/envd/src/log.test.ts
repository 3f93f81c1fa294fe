import { expect, test } from "bun:test";
import { lineLogger } from "./log";

test("lineLogger writes one JSON line per message at its level and above", () => {
  const lines: string[] = [];
  const log = lineLogger({ name: "envd", level: "info", write: (line) => lines.push(line) });
  log.debug("not this");
  log.room("process").error("it broke", { pid: 5, thrown: new TypeError("why") });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toEndWith("\n");
  expect(JSON.parse(lines[0] ?? "")).toMatchObject({
    level: "error",
    logger: "envd.process",
    pid: 5,
    msg: "it broke",
    thrown: { type: "TypeError", message: "why" },
  });
});
