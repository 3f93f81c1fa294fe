import { expect, test } from "bun:test";
import { Outputs } from "./outputs";

test("what runs side by side is told one after the other, the first of it as it comes", () => {
  let told = "";
  const outputs = new Outputs((chunk) => {
    told += new TextDecoder().decode(chunk);
  });
  const say = (text: string): Uint8Array => new TextEncoder().encode(text);
  const [first, second, third] = [outputs.open(), outputs.open(), outputs.open()];
  second.write(say("b1 "));
  first.write(say("a1 "));
  expect(told).toBe("a1 ");
  second.end();
  third.write(say("c1 "));
  first.write(say("a2 "));
  expect(told).toBe("a1 a2 ");
  first.end();
  expect(told).toBe("a1 a2 b1 c1 ");
  const fourth = outputs.open();
  fourth.write(say("d1 "));
  third.write(say("c2 "));
  third.end();
  fourth.end();
  expect(told).toBe("a1 a2 b1 c1 c2 d1 ");
});
