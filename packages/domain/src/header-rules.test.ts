// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
import { describe, expect, it } from "bun:test";
import { parseTemplate, planRules, type RulesRequest } from "./header-rules";

const rule = (headers: Record<string, string>): RulesRequest => ({ "api.test": [{ transform: { headers } }] });

describe(planRules, () => {
  it("keeps domains in lower case and values with their placeholders", () => {
    const headers = { Authorization: "Bearer ${e2b.secrets.MyKey}" };
    expect(planRules({ "API.test": [{ transform: { headers } }], "empty.test": [] })).toEqual([
      { domain: "api.test", headers },
    ]);
  });
  it("refuses what the contract bounds", () => {
    const many = (count: number) => Array.from({ length: count }, (_, at) => at);
    const refused: [string, RulesRequest][] = [
      ["too_many_domains", Object.fromEntries(many(11).map((at) => [`d${at}.test`, []]))],
      ["bad_domain", { "*.test": [] }],
      ["bad_domain", { "10.0.0.1": [] }],
      ["bad_domain", { [`${"a.".repeat(64)}test`]: [] }],
      ["too_many_rules", { "a.test": [{}, {}] }],
      [
        "too_many_rules",
        { "a.test": [{ transform: { headers: { a: "1" } } }], "A.test": [{ transform: { headers: { a: "1" } } }] },
      ],
      ["too_many_headers", rule(Object.fromEntries(many(21).map((at) => [`x-${at}`, "1"])))],
      ["bad_header", rule({ "a b": "1" })],
      ["bad_header", rule({ Host: "evil.test" })],
      ["bad_header", rule({ "transfer-encoding": "chunked" })],
      ["bad_header", rule({ [`x${"a".repeat(64)}`]: "1" })],
      ["bad_value", rule({ a: "x".repeat(2049) })],
      ["bad_value", rule({ a: "1\r\nb: 2" })],
      ["bad_value", rule({ a: "${e2b.secrets.}" })],
      ["bad_value", rule({ a: "${e2b.secrets.a b}" })],
      ["bad_value", rule({ a: "${e2b.other.x}" })],
      [
        "too_many_secrets",
        rule({
          a: many(20)
            .map((at) => `\${e2b.secrets.n${at}}`)
            .join(""),
          b: many(20)
            .map((at) => `\${e2b.secrets.m${at}}`)
            .join(""),
        }),
      ],
    ];
    for (const [row, request] of refused)
      expect(() => planRules(request)).toThrow(
        expect.objectContaining({ code: `network_rules_${row}`, kind: "invalid" }),
      );
  });
});

describe(parseTemplate, () => {
  it("tells text from placeholders", () => {
    expect(parseTemplate("a ${e2b.secrets.K} b ${e2b.identity.tokens.My tok} $ {x}")).toEqual([
      "a ",
      { kind: "secret", name: "k" },
      " b ",
      { kind: "token", name: "My tok" },
      " $ {x}",
    ]);
    expect(parseTemplate("plain ${PORT}")).toEqual(["plain ${PORT}"]);
    expect(parseTemplate("${e2b.secrets.x")).toBeUndefined();
  });
});
