import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Cloud, startCloud } from "./cloud";

let cloud: Cloud;
beforeAll(async () => {
  cloud = await startCloud();
});
afterAll(async () => {
  await cloud[Symbol.asyncDispose]();
});

const notFound = (sandboxId: string) => ({ sandboxId, message: "The sandbox was not found", code: 502 });

function ask(path: string, headers: Record<string, string>): Promise<Response> {
  return fetch(`http://127.0.0.1:${cloud.proxy.proxyPort}${path}`, { headers });
}
const byHeaders = (id: string, port = 49_983) => ({ "E2b-Sandbox-Id": id, "E2b-Sandbox-Port": String(port) });

describe("a running sandbox", () => {
  it("is reached by name and by headers", async () => {
    await cloud.put("one");
    for (const headers of [{ Host: "8080-one.sandlot.test" }, byHeaders("one")]) {
      expect(await (await ask("/x?y", headers)).text()).toBe("hello");
    }
    expect(cloud.seen.at(-2)?.get("host")).toBe("8080-one.sandlot.test");
  });

  it("is shown its own name when it was called sandbox.<domain>", async () => {
    await cloud.put("two");
    await ask("/", { ...byHeaders("two", 3000), Host: "sandbox.sandlot.test:3002" });
    const headers = cloud.seen.at(-1);
    expect(headers?.get("host")).toBe("3000-two.sandlot.test:3002");
    expect(headers?.get("x-forwarded-host")).toBe("sandbox.sandlot.test:3002");
  });

  it("has closed ports, and routes that nobody reaches from outside", async () => {
    await cloud.put("three");
    const closed = await ask("/", { Host: "1-three.sandlot.test" });
    expect(closed.status).toBe(502);
    expect(await closed.json()).toMatchObject({ message: "The sandbox is running but port is not open", port: 1 });
    for (const path of ["/init", "//init", "/%69nit"]) {
      expect((await ask(path, { Host: "49983-three.sandlot.test" })).status).toBe(404);
    }
    expect((await ask("/init", { Host: "8080-three.sandlot.test" })).status).toBe(200);
  });

  it("that is killed is cut at once, and the very next request is told that it is gone", async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = `killed${round}`;
      await cloud.put(id);
      const response = await ask("/stream", byHeaders(id));
      const reader = response.body?.getReader();
      expect((await reader?.read())?.done).toBe(false);
      const ended = (async () => {
        while ((await reader?.read())?.done === false);
        return "clean end";
      })().catch(() => "cut");
      await cloud.kill(id);
      expect(await ended).toBe("cut");
      const health = await ask("/health", byHeaders(id));
      expect([health.status, await health.json()]).toEqual([502, notFound(id)]);
    }
  });

  it("that the node no longer has is not found, though the catalog still has it", async () => {
    await cloud.put("stale");
    cloud.running.delete("stale");
    const response = await ask("/", byHeaders("stale"));
    expect([response.status, await response.json()]).toEqual([502, notFound("stale")]);
  });

  it("on a node out of reach is a plain 502", async () => {
    await cloud.state.catalog.put("lost", {
      orchestratorId: "node-2",
      orchestratorIp: "127.0.0.2",
      executionId: "e",
      startedAtMs: 0,
      maxLengthHours: 1,
    });
    const response = await ask("/", byHeaders("lost"));
    expect([response.status, await response.text()]).toEqual([502, "Failed to route request to sandbox"]);
  });
});

describe("a sandbox that the catalog does not know", () => {
  it("is woken by the api, which is told who asks, once for a storm of requests", async () => {
    let count = 0;
    let metadata: unknown[] = [];
    cloud.resume = async (sandboxId, { requestHeader }) => {
      count += 1;
      metadata = ["e2b-sandbox-request-port", "e2b-traffic-access-token", "e2b-envd-access-token", "authorization"].map(
        (name) => requestHeader.get(name),
      );
      await Bun.sleep(100);
      await cloud.put(sandboxId);
      return "127.0.0.1";
    };
    const headers = {
      ...byHeaders("asleep"),
      "e2b-traffic-access-token": "traffic",
      "X-Access-Token": "envd",
      Authorization: "Basic dXNlcjo=",
    };
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask("/", headers)));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    expect(count).toBe(1);
    expect(metadata).toEqual(["49983", "traffic", "envd", "Basic dXNlcjo="]);
  });

  const outcomes: [thrown: ConnectError, status: number, message: string][] = [
    [new ConnectError("x", Code.NotFound), 502, "The sandbox was not found"],
    [new ConnectError("files only", Code.FailedPrecondition), 502, "The sandbox was not found"],
    [new ConnectError("x", Code.Internal), 502, "The sandbox was not found"],
    [
      new ConnectError("x", Code.PermissionDenied),
      403,
      "This sandbox can't be resumed with the credentials provided. Check your access token and try again.",
    ],
    [
      new ConnectError("sandbox is still transitioning", Code.FailedPrecondition),
      409,
      "The sandbox is still transitioning. Try again in a moment.",
    ],
    [new ConnectError("you have too many", Code.ResourceExhausted), 429, "you have too many"],
  ];
  for (const [thrown, status, message] of outcomes) {
    it(`is answered ${status} when the api says ${Code[thrown.code]}: ${thrown.rawMessage}`, async () => {
      cloud.resume = () => {
        throw thrown;
      };
      const response = await ask("/", byHeaders("unknown"));
      expect([response.status, await response.json()]).toEqual([
        status,
        { sandboxId: "unknown", message, code: status },
      ]);
    });
  }
});

describe("requests for no sandbox", () => {
  it("are told what is wrong with them", async () => {
    const wrong: [headers: Record<string, string>, text: string][] = [
      [{}, "Invalid host"],
      [{ "E2b-Sandbox-Id": "one" }, "missing header"],
      [{ "E2b-Sandbox-Id": "ONE", "E2b-Sandbox-Port": "80" }, "Invalid sandbox ID"],
      [{ "E2b-Sandbox-Id": "one", "E2b-Sandbox-Port": "80@169.254.169.254" }, "Invalid sandbox port"],
      [{ Host: "02280-one.sandlot.test" }, "Invalid sandbox port"],
    ];
    for (const [headers, text] of wrong) {
      const response = await ask("/", headers);
      expect([response.status, await response.text()]).toEqual([400, text]);
      expect(response.headers.get("content-type")).toStartWith("text/plain");
    }
  });
});

describe("health", () => {
  it("is 200 on both paths until the service ends, which takes what is open along", async () => {
    await using other = await startCloud();
    const health = (path: string) => fetch(`http://127.0.0.1:${other.proxy.healthPort}${path}`);
    for (const path of ["/", "/health"]) expect((await health(path)).status).toBe(200);
    await other.put("one");
    const url = `http://127.0.0.1:${other.proxy.proxyPort}/stream`;
    const open = await fetch(url, { headers: byHeaders("one") });
    const ended = other.proxy[Symbol.asyncDispose]();
    expect((await health("/health")).status).toBe(503);
    await expect(open.text()).rejects.toThrow();
    await ended;
  });
});

describe("without Redis", () => {
  it("says 503, not that the sandbox is gone", async () => {
    await using other = await startCloud();
    other.redis.kill(9);
    await other.redis.exited;
    const url = `http://127.0.0.1:${other.proxy.proxyPort}/`;
    expect((await fetch(url, { headers: byHeaders("one") })).status).toBe(503);
  });
});
