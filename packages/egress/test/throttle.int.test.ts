/** C9: what one sandbox may use of the network, by configuration, with and without a gate; and rules without TLS where they are allowed. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { INTERNET, leftovers } from "@sandlot/network/lab";
import { type EgressLab, startEgressLab } from "./fixtures/egress-lab";

const TAG = "eg03";
const KIB_PER_SECOND = 1024;
/** Where the lab greets who connects, and no gate looks for HTTP or TLS. */
const GREETING = 3128;
let lab: EgressLab;
beforeAll(async () => {
  const throttle = { newFlowsPerSecond: 10, kibPerSecond: KIB_PER_SECOND };
  lab = await startEgressLab({ tag: TAG, number: 100, slotCidr: "10.213.100.0/24", throttle, plainHttp: true });
}, 60_000);
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  expect(await leftovers(TAG)).toEqual([]);
}, 60_000);

const at = ["--resolve", `api.test:8080:${INTERNET}`];
const POLICIES = {
  "without a gate": {},
  "through a gate": { rules: [{ domain: "listed.test", headers: { a: "b" } }] },
};

for (const [name, policy] of Object.entries(POLICIES)) {
  describe(name, () => {
    it("C9: a sandbox opens no more connections per second than it may", async () => {
      await lab.apply(policy);
      await Bun.sleep(1_100);
      const sinceMs = performance.now();
      const dialled = await lab.guest.dial(Array.from({ length: 60 }, () => ({ tcp: INTERNET, port: GREETING })));
      const { length } = dialled.filter((said) => said === "open");
      // Ten at once, ten more each second while those that were dropped are sent again.
      expect(length).toBeGreaterThanOrEqual(5);
      const seconds = (performance.now() - sinceMs) / 1000;
      expect(length).toBeLessThan(20 + 10 * seconds);
    }, 60_000);

    it("C9: a sandbox takes no more bandwidth than it may", async () => {
      await lab.apply(policy);
      await Bun.sleep(1_100);
      const sinceMs = performance.now();
      const { code } = await lab.curl(
        ...at,
        "-m",
        "40",
        "-H",
        "Expect:",
        "-d",
        "x".repeat(100_000),
        ...Array.from({ length: 25 }, () => ["http://api.test:8080/x"]).flat(),
      );
      const seconds = (performance.now() - sinceMs) / 1000;
      expect(code).toBe(0);
      // 2.5 MB at 1 MiB per second, of which the kernel lets 1.25 s worth pass at once.
      expect(seconds).toBeGreaterThan(1);
    }, 60_000);
  });
}

describe("rules without TLS, where the installation allows them", () => {
  it("are applied to plain HTTP", async () => {
    lab.values.secrets.key = "plain";
    await lab.apply({ rules: [{ domain: "api.test", headers: { "X-Key": "$" + "{e2b.secrets.key}" } }] });
    await Bun.sleep(1_100);
    await lab.heard();
    expect((await lab.curl(...at, "http://api.test:8080/x")).code).toBe(0);
    expect((await lab.heard())[0]).toMatchObject({ headers: { "x-key": "plain" } });
  });
});
