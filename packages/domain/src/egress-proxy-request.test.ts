import { describe, expect, it } from "bun:test";
import { parseEgressProxy } from "./egress-proxy-request";

describe(parseEgressProxy, () => {
  it("takes names and addresses, with or without credentials", () => {
    expect(parseEgressProxy({ address: "proxy.test:1080", username: null })).toEqual({
      host: "proxy.test",
      port: 1080,
      username: undefined,
      password: undefined,
    });
    expect(parseEgressProxy({ address: "198.51.100.7:9", username: "u", password: "p" })).toMatchObject({
      username: "u",
      password: "p",
    });
  });
  it("refuses internal addresses and malformed ones", () => {
    const addresses = [
      "10.0.0.1:1080",
      "127.0.0.1:1",
      "169.254.169.254:80",
      "100.64.0.1:1",
      "172.31.0.1:1",
      "192.168.1.1:1",
      "localhost:1",
    ];
    for (const address of [
      ...addresses,
      "proxy.test",
      "proxy.test:0",
      "proxy.test:70000",
      "u@h.test:1",
      "2130706433:80",
      "[::1]:80",
      "h.test:1/x",
    ])
      expect(() => parseEgressProxy({ address })).toThrow(/^Invalid egress proxy config: /);
    expect(() => parseEgressProxy({ address: "p.test:1", password: "p" })).toThrow("password without username");
    expect(() => parseEgressProxy({ address: "p.test:1", username: "u".repeat(256) })).toThrow("longer than 255");
  });
});
