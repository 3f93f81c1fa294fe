import { describe, expect, it } from "bun:test";
import * as packet from "dns-packet";
import { answerTo } from "./name-server";

const config = { domain: "box.test", addresses: ["10.0.0.1", "fd00::1"] };

function ask(name: string, type: "A" | "AAAA" | "TXT") {
  const question = packet.encode({
    type: "query",
    id: 7,
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name }],
  });
  const answer = answerTo(question, config);
  if (answer === undefined) throw new Error("no answer");
  const { answers = [], authorities = [], flags = 0, id } = packet.decode(answer);
  return {
    id,
    rcode: flags & 15,
    data: answers.map((one) => ("data" in one ? one.data : "")),
    soa: authorities.length,
  };
}

describe(answerTo, () => {
  it("knows the domain and everything below it, whatever the case", () => {
    expect(ask("box.test", "A")).toEqual({ id: 7, rcode: 0, data: ["10.0.0.1"], soa: 0 });
    expect(ask("3000-abc.BOX.test", "AAAA")).toEqual({ id: 7, rcode: 0, data: ["fd00::1"], soa: 0 });
  });

  it("says that there is no such record, and not that there is no such name", () => {
    expect(ask("a.box.test", "TXT")).toEqual({ id: 7, rcode: 0, data: [], soa: 1 });
  });

  it("refuses names that are not below it", () => {
    for (const name of ["example.com", "notbox.test", "test"]) expect(ask(name, "A").rcode).toBe(5);
  });

  it("says nothing to what is no question", () => {
    const response = packet.encode({ type: "response", id: 1, questions: [{ type: "A", name: "box.test" }] });
    for (const bytes of [Buffer.alloc(0), Buffer.from("hello"), Buffer.from(response)]) {
      expect(answerTo(bytes, config)).toBeUndefined();
    }
  });
});
