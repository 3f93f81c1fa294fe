import { describe, expect, it } from "bun:test";
import { HeaderList } from "./http/headers";
import { parseTarget } from "./target";

const ID = "i1a2b3c4d5e6f7g8h9j0k";
const none = new HeaderList([]);
const both = new HeaderList([
  ["E2b-Sandbox-Id", ID],
  ["e2b-sandbox-port", "3000"],
]);

describe(parseTarget, () => {
  it("goes by the first label of the host, whatever the domain, port or dot behind", () => {
    for (const host of [
      `80-${ID}.sandlot.test`,
      `80-${ID}.x`,
      `80-${ID}.a.b:3002`,
      `80-${ID}.a.b.`,
      `80-${ID}-old1.a.b`,
    ]) {
      expect(parseTarget(host, none)).toEqual({ sandboxId: ID, port: 80, by: "name" });
    }
    expect(parseTarget(`80-${ID.toUpperCase()}.A.B`, none)).toEqual({ sandboxId: ID, port: 80, by: "name" });
  });

  it("goes by the two headers for any other host", () => {
    const hosts = [
      "localhost:3002",
      "127.0.0.1:3002",
      "[::1]:3002",
      "sandbox.e2b.app",
      "proxy.corp",
      "my-proxy.corp",
      "",
    ];
    for (const host of hosts) expect(parseTarget(host, both)).toEqual({ sandboxId: ID, port: 3000, by: "headers" });
  });

  it("lets the name win over the headers", () => {
    expect(parseTarget(`80-other.a.b`, both)).toEqual({ sandboxId: "other", port: 80, by: "name" });
  });

  it("wants both headers, each once", () => {
    const [id, port] = both.lines;
    if (id === undefined || port === undefined) throw new Error("two lines");
    expect(parseTarget("localhost", new HeaderList([id]))).toBe("missing header");
    expect(parseTarget("localhost", new HeaderList([port]))).toBe("missing header");
    expect(parseTarget("localhost", new HeaderList([id, id, port]))).toBe("Invalid sandbox ID");
    expect(parseTarget("localhost", new HeaderList([id, port, port]))).toBe("Invalid sandbox port");
    expect(parseTarget("localhost", none)).toBe("Invalid host");
    expect(parseTarget("sandlot.test", none)).toBe("Invalid host");
    expect(parseTarget(`80-${ID}`, none)).toBe("Invalid host");
    expect(parseTarget("my-host.corp", none)).toBe("Invalid sandbox port");
  });

  it("takes a port only as plain decimal from 1 to 65535, by name and by header", () => {
    const ports = [
      "02280",
      "+2280",
      "2280.",
      "65536",
      "0",
      "",
      "２２８０",
      "80@169.254.169.254",
      "1e3",
      "0x50",
      " 80",
      "80 ",
    ];
    for (const port of ports) {
      const headers = new HeaderList([
        ["E2b-Sandbox-Id", ID],
        ["E2b-Sandbox-Port", port],
      ]);
      expect(parseTarget("localhost", headers)).toBe("Invalid sandbox port");
      if (port.includes(".") || port.trim() !== port) continue;
      expect(parseTarget(`${port}-${ID}.a.b`, both)).toBe("Invalid sandbox port");
    }
    expect(parseTarget(`2280.-${ID}.a.b`, none)).toBe("Invalid host");
    expect(parseTarget(`-1-${ID}.a.b`, both)).toBe("Invalid sandbox port");
    expect(parseTarget(`65535-${ID}.a.b`, none)).toMatchObject({ port: 65_535 });
  });

  it("takes an id only of small letters and digits", () => {
    for (const id of ["", "a_b", "ä", "a/b", "..", "a%62"]) {
      const headers = new HeaderList([
        ["E2b-Sandbox-Id", id],
        ["E2b-Sandbox-Port", "80"],
      ]);
      expect(parseTarget("localhost", headers)).toBe("Invalid sandbox ID");
    }
    expect(parseTarget("80-.a.b", none)).toBe("Invalid sandbox ID");
    expect(parseTarget("80-a_b.a.b", none)).toBe("Invalid sandbox ID");
  });
});
