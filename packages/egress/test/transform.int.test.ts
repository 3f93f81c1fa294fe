// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the wire's placeholders look like this
/** Header rules, secrets and proxies in real namespaces: attack C7 is the acceptance test. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { INTERNET, INTERNET_LOW, leftovers } from "@sandlot/network/lab";
import { limits } from "../src/limits";
import { type EgressLab, startEgressLab } from "./fixtures/egress-lab";

const TAG = "eg02";
const ALL = "0.0.0.0/0";
const ELSEWHERE = "100.128.0.9";
const SECRET = "hush-hush-42";
const at = (name: string, port: number, address: string = INTERNET) => ["--resolve", `${name}:${port}:${address}`];

let lab: EgressLab;
beforeAll(async () => {
  lab = await startEgressLab({ tag: TAG, number: 88, slotCidr: "10.213.88.0/24" });
  lab.values.secrets.key = SECRET;
}, 60_000);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  expect(await leftovers(TAG)).toEqual([]);
}, 60_000);

const rule = (domain: string, headers: Record<string, string>) => ({ domain, headers });
const AUTH = rule("api.test", { Authorization: "Bearer ${e2b.secrets.key}", "X-Plain": "yes" });
const get = (...more: string[]) => lab.curl(...at("api.test", 443), ...more, "https://api.test/x");
const newest = () => lab.egress.list(lab.guest.slot, 5).flows;
type Seen = { headers: Record<string, string>; url: string; via: string };
const heard = async () => (await lab.heard()) as unknown as Seen[];

describe("header rules", () => {
  it("set and replace headers on the way out; the guest never sees the value", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const { code } = await get("-H", "authorization: mine", "-o", "/dev/null");
    expect(code).toBe(0);
    const [request, ...others] = await heard();
    expect(others).toEqual([]);
    expect(request?.headers).toMatchObject({ authorization: `Bearer ${SECRET}`, "x-plain": "yes", host: "api.test" });
    expect(newest()[0]).toMatchObject({ host: "api.test", isTransformed: true, verdict: "allowed" });
    expect(JSON.stringify(newest())).not.toContain(SECRET);
  });

  it("hold for every request of a kept connection, bodies and uploads included", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const again = [
      "--next",
      "-sS",
      "--cacert",
      lab.guestCa,
      "-X",
      "POST",
      "-H",
      "Transfer-Encoding: chunked",
      "-d",
      "z".repeat(50_000),
      "https://api.test/two",
    ];
    const { out } = await lab.curl(...at("api.test", 443), "https://api.test/one", ...again);
    expect(out).toContain("z".repeat(50_000));
    expect((await heard()).map(({ url, headers }) => [url, headers.authorization])).toEqual([
      ["/one", `Bearer ${SECRET}`],
      ["/two", `Bearer ${SECRET}`],
    ]);
  });

  it("fill in workload tokens for their audience", async () => {
    await lab.apply({ rules: [rule("api.test", { "X-Token": "${e2b.identity.tokens.aws}" })] });
    await lab.heard();
    await get();
    expect((await heard())[0]?.headers["x-token"]).toBe("jwt-for-sts.test");
    await lab.apply({ rules: [rule("api.test", { "X-Token": "${e2b.identity.tokens.none}" })] });
    expect((await get("-o", "/dev/null", "-w", "%{http_code}")).out).toBe("502");
    expect(await heard()).toEqual([]);
  });

  it("let other hosts be, end to end", async () => {
    await lab.apply({ rules: [rule("listed.test", { a: "b" })] });
    await lab.heard();
    // Trusts the public authority only, as a program that pins its server's would.
    expect((await get()).code).toBe(0);
    expect(newest()[0]).toMatchObject({ host: "api.test", isTransformed: false });
  });

  it("carry upgrades", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const script = `printf 'GET /ws HTTP/1.1\\r\\nHost: api.test\\r\\nConnection: Upgrade\\r\\nUpgrade: echo\\r\\n\\r\\n'; sleep 0.5; printf 'ping'; sleep 0.5`;
    const tls = `(${script}) | timeout 2 nsenter --net=/run/netns/${lab.guest.netns} openssl s_client -quiet -connect ${INTERNET}:443 -servername api.test -CAfile ${lab.guestCa} 2>/dev/null`;
    const out = await new Response(Bun.spawn(["bash", "-c", tls], { stdout: "pipe" }).stdout).text();
    expect(out).toContain("101 Switching Protocols");
    expect(out).toEndWith("ping");
    expect((await heard())[0]?.headers.authorization).toBe(`Bearer ${SECRET}`);
  });

  it("allow nothing by themselves", async () => {
    await lab.apply({ rules: [AUTH], deniedCidrs: [ALL] });
    expect((await get()).code).toBe(35);
    await lab.apply({ rules: [AUTH], deniedCidrs: [ALL], allowedDomains: ["api.test"] });
    expect((await get()).code).toBe(0);
    // The guest dials an allowed address and names a host whose own address is denied.
    await lab.apply({ rules: [AUTH], deniedCidrs: [`${INTERNET}/32`] });
    await lab.heard();
    const { out } = await lab.curl(
      ...at("api.test", 443, ELSEWHERE),
      "-o",
      "/dev/null",
      "-w",
      "%{http_code}",
      "https://api.test/x",
    );
    expect([out, await heard()]).toEqual(["502", []]);
  });
});

describe("C7: a secret goes to its host and nowhere else", () => {
  it("Host that differs from the TLS name: refused, nothing sent", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    for (const host of ["evil.test", "evil.test:443", "api.test.evil.test", INTERNET]) {
      const { out } = await get("-H", `Host: ${host}`, "-w", "%{http_code}");
      expect([host, out]).toEqual([host, "sandlot egress: this connection is for another host\n421"]);
      expect(newest()[0]).toMatchObject({ verdict: "denied", reason: "host_mismatch", host });
    }
    expect(await heard()).toEqual([]);
  });

  it("a request target that names another host: refused", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const { out } = await get("--request-target", "https://evil.test/x", "-w", "%{http_code}");
    expect(out).toEndWith("421");
    expect(await heard()).toEqual([]);
  });

  it("a TLS name that differs from the address: goes to the name's own address, and only there", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    // The attacker's server has no certificate for the name and would not be believed; it is not even dialled.
    await lab.curl(...at("api.test", 443, ELSEWHERE), "https://api.test/x");
    expect((await heard()).map(({ headers }) => headers.authorization)).toEqual([`Bearer ${SECRET}`]);
    await lab.curl(...at("api.test", 4433), "-k", "https://api.test:4433/x");
    expect(await heard()).toEqual([]);
    expect(newest().map(({ reason }) => reason)).toContain("not_trusted");
  });

  it("redirects are the guest's own business", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const { out } = await lab.curl(
      ...at("api.test", 443),
      ...at("evil.test", 443),
      "-L",
      "-k",
      "-w",
      "%{http_code}",
      "https://api.test/redirect",
    );
    expect(out).toContain("/stolen");
    const seen = await heard();
    expect(seen.map(({ headers }) => [headers.host, headers.authorization])).toEqual([
      ["api.test", `Bearer ${SECRET}`],
      ["evil.test", undefined as unknown as string],
    ]);
  });

  it("plain HTTP and addresses: refused, or passed on as they are", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const plain = await lab.curl(...at("api.test", 8080), "-w", "%{http_code}", "http://api.test:8080/x");
    expect(plain.out).toBe("sandlot egress: header rules apply to https only\n403");
    await lab.curl("-k", "-H", "Host: api.test", `https://${INTERNET}/x`); // no TLS name
    const seen = await heard();
    expect(seen.map(({ headers }) => headers.authorization)).toEqual([undefined as unknown as string]);
  });

  it("request smuggling: what could be read in two ways is not sent on", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const bad =
      "POST /a HTTP/1.1\\r\\nHost: api.test\\r\\nContent-Length: 4\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n0\\r\\n\\r\\nGET /b HTTP/1.1\\r\\nHost: evil.test\\r\\n\\r\\n";
    const tls = `(printf '${bad}'; sleep 0.5) | timeout 2 nsenter --net=/run/netns/${lab.guest.netns} openssl s_client -quiet -connect ${INTERNET}:443 -servername api.test -CAfile ${lab.guestCa} 2>/dev/null`;
    const out = await new Response(Bun.spawn(["bash", "-c", tls], { stdout: "pipe" }).stdout).text();
    expect(out).toStartWith("HTTP/1.1 400");
    expect(await heard()).toEqual([]);
  });

  it("a value with a line end adds no header", async () => {
    lab.values.secrets.split = "a\r\nX-Evil: 1";
    await lab.apply({ rules: [rule("api.test", { a: "${e2b.secrets.split}" })] });
    await lab.heard();
    const { out } = await get("-w", "%{http_code}");
    expect(out).toEndWith("502");
    expect(out).not.toContain("X-Evil");
    expect(await heard()).toEqual([]);
  });

  it("error pages say no value and no header", async () => {
    await lab.apply({ rules: [rule("api.test", { a: `\${e2b.secrets.key} \${e2b.secrets.missing}` })] });
    const { out } = await get("-i");
    expect(out).toContain("502 Bad Gateway");
    expect(out).not.toContain(SECRET);
  });

  it("a program that does not trust our authority fails, and sends nothing", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    const { code } = await lab.curl(
      "--cacert",
      "/etc/ssl/certs/ca-certificates.crt",
      ...at("api.test", 443),
      "https://api.test/x",
    );
    expect(code).toBe(60);
    expect(await heard()).toEqual([]);
  });
});

describe("a reader that is slow", () => {
  const POLICIES = {
    "behind a rule": { rules: [AUTH] },
    "behind a domain": { allowedDomains: ["api.test"], deniedCidrs: [ALL] },
  };
  for (const [name, policy] of Object.entries(POLICIES))
    it(`holds up its server, not the node's memory: ${name}`, async () => {
      await lab.apply(policy);
      Bun.gc(true);
      const before = process.memoryUsage().rss;
      await lab.curl(
        ...at("api.test", 443),
        "-m",
        "3",
        "--limit-rate",
        "50k",
        "-o",
        "/dev/null",
        "https://api.test/big/300",
      );
      expect(process.memoryUsage().rss - before).toBeLessThan(80_000_000);
      const { code, out } = await lab.curl(
        ...at("api.test", 443),
        "-m",
        "50",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download}",
        "https://api.test/big/50",
      );
      expect([code, out]).toEqual([0, "50000000"]);
    }, 60_000);
});

describe("rotation", () => {
  it("a replaced or deleted secret is out of use within two seconds; one question serves many requests", async () => {
    await lab.apply({ rules: [AUTH] });
    await lab.heard();
    await Bun.sleep(limits.values.secretMs + 100);
    lab.values.asked = 0;
    const sinceMs = performance.now();
    for (let times = 0; times < 5; times += 1) await get();
    // Once, unless a busy host took longer for the five than one answer holds.
    expect(lab.values.asked).toBeWithin(1, 2 + Math.floor((performance.now() - sinceMs) / limits.values.secretMs));
    lab.values.secrets.key = "new-value";
    await Bun.sleep(limits.values.secretMs + 100);
    await get();
    expect((await heard()).map(({ headers }) => headers.authorization)).toEqual([
      ...Array.from({ length: 5 }, () => `Bearer ${SECRET}`),
      "Bearer new-value",
    ]);
    delete lab.values.secrets.key;
    await Bun.sleep(limits.values.secretMs + 100);
    expect((await get("-o", "/dev/null", "-w", "%{http_code}")).out).toBe("502");
    lab.values.secrets.key = SECRET;
  }, 60_000);

  it("known values are used on while the control plane is away, unknown ones are not", async () => {
    await Bun.sleep(limits.values.secretMs + 100);
    await lab.apply({ rules: [AUTH] });
    await get();
    lab.values.isAway = true;
    await Bun.sleep(limits.values.secretMs + 100);
    expect((await get("-o", "/dev/null", "-w", "%{http_code}")).out).toBe("200");
    await lab.apply({ rules: [rule("api.test", { a: "${e2b.secrets.never}" })] });
    expect((await get("-o", "/dev/null", "-w", "%{http_code}")).out).toBe("502");
    lab.values.isAway = false;
  }, 60_000);
});

describe("an egress proxy", () => {
  const proxy = { host: INTERNET, port: 1080, username: "user", sealedPassword: "sealed" };
  it("carries everything, with credentials that are asked for each time", async () => {
    lab.values.sealed.sealed = "right";
    await lab.apply({ proxy });
    await lab.heard();
    expect((await get()).code).toBe(0);
    const seen = (await lab.heard()).map(({ via, host, username, password }) => ({ via, host, username, password }));
    expect(seen.slice(0, 2)).toEqual([
      { via: "socks-login", host: undefined, username: "user", password: "right" },
      { via: "socks-connect", host: INTERNET, username: undefined, password: undefined },
    ]);
    await lab.apply({ proxy, allowedDomains: ["api.test"], deniedCidrs: [ALL] });
    expect((await get()).code).toBe(0);
    expect((await lab.heard()).map(({ host }) => host)).toContain("api.test");
    await lab.apply({ proxy, rules: [AUTH] });
    expect((await get()).code).toBe(0);
    expect((await heard()).at(-1)?.headers.authorization).toBe(`Bearer ${SECRET}`);
    expect(JSON.stringify(newest())).not.toContain("right");
  });
  it("leaves no way past it: UDP goes to the resolver and to allowed CIDRs alone", async () => {
    const arrived = async (text: string) => {
      await lab.guest.dial([INTERNET, INTERNET_LOW].map((udp) => ({ udp, port: 9, text: `${text}-${udp}` })));
      const { heard: lines } = await lab.lab.heard();
      return [INTERNET, INTERNET_LOW].filter((address) => lines.some((line) => line.endsWith(`${text}-${address}`)));
    };
    await lab.apply({});
    expect(await arrived("open")).toEqual([INTERNET, INTERNET_LOW]);
    await lab.apply({ proxy });
    expect(await arrived("proxied")).toEqual([]);
    expect(await lab.guest.dial([{ dns: "169.254.0.22", name: "api.test" }])).toEqual([`NOERROR 1 ${INTERNET}`]);
    await lab.apply({ proxy, allowedCidrs: [`${INTERNET_LOW}/32`] });
    expect(await arrived("allowed")).toEqual([INTERNET_LOW]);
  });
  it("that refuses, or sits inside, leaves no way out", async () => {
    lab.values.sealed.sealed = "wrong";
    await lab.apply({ proxy });
    expect((await get()).code).not.toBe(0);
    expect(newest()[0]?.reason).toBe("proxy_socks_login_refused");
    for (const host of ["10.99.0.5", "inside.test"]) {
      await lab.apply({ proxy: { ...proxy, host } });
      expect((await get()).code).not.toBe(0);
      expect(newest()[0]?.reason).toBe("proxy_internal_answer");
    }
  });
});
