import { describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { SandboxNetworkConfigSchema } from "@sandlot/contracts/orchestrator";
import { signLink } from "@sandlot/domain";
import { silentLogger } from "@sandlot/telemetry";
import { createRequest } from "../../test/fakes/create-request";
import { eventually } from "../../test/fakes/eventually";
import { FakeSlots } from "../../test/fakes/slots";
import { tempNode } from "../../test/fakes/temp-node";
import { oneRuntime } from "../runtimes/runtimes";
import { parseCreate } from "../sandboxes/parse-create";
import { startOrchestrator } from "../start";
import { startNode } from "../start-node";
import { decide } from "./decide";

const NOW_MS = 1_800_000_000_000;

async function node() {
  const temp = tempNode();
  const runtime = temp.runtime();
  const started = await startNode(temp.config, {
    logger: silentLogger,
    runtimes: oneRuntime(runtime),
    slots: new FakeSlots(),
    artifacts: await temp.openArtifacts(),
    cutTraffic: () => undefined,
  });
  const { sandboxes } = started.parts;
  return {
    runtime,
    sandboxes,
    make: (id: string, ...rest: Parameters<typeof createRequest> extends [string, ...infer R] ? R : never) =>
      sandboxes.create(parseCreate(createRequest(id, ...rest), 0)),
    async ask(host: string, of: { target?: string; method?: string; headers?: [string, string][] } = {}) {
      const { HeaderList } = await import("@sandlot/proxy");
      const decision = await decide(
        {
          reach: (id) => sandboxes.reach(id),
          find: (id) => sandboxes.find(id),
          isHealthy: () => true,
          nowMs: () => NOW_MS,
          connectionsPerSandbox: 7,
        },
        {
          method: of.method ?? "GET",
          target: of.target ?? "/",
          host,
          headers: new HeaderList([["Host", host], ...(of.headers ?? [])]),
          remoteAddress: "127.0.0.1",
          signal: new AbortController().signal,
        },
      );
      return decision.kind === "answer" ? { ...decision.answer, kind: "answer" as const } : decision;
    },
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]();
      for (const machine of [...runtime.machines.values()]) await machine.end();
      temp[Symbol.dispose]();
    },
  };
}

describe(decide, () => {
  it("forwards by name to the slot's address, host preserved, without reuse of connections", async () => {
    await using it = await node();
    await it.make("i1");
    const machine = it.runtime.only;
    const decision = await it.ask("3000-i1.sandlot.test");
    expect(decision).toMatchObject({
      kind: "forward",
      address: machine.address,
      port: 3000,
      key: machine.machineId,
      keepAlive: false,
      redialAfterMs: [100, 200, 300, 400],
    });
    expect("host" in decision).toBe(false);
    expect(decision.kind === "forward" && decision.onFailure("refused")).toMatchObject({
      status: 502,
      body: '{"sandboxId":"i1","message":"The sandbox is running but port is not open","port":3000,"code":502}',
    });
  });

  it("refuses envd's internal routes for every method and spelling, before it looks for the sandbox", async () => {
    await using it = await node();
    for (const target of ["/init", "//init", "/%69nit", "/./init", "/x/../init", "/init/", "/freeze", "/upgrade?x=1"])
      for (const method of ["GET", "POST", "OPTIONS"]) {
        const answer = await it.ask("49983-nosuch.sandlot.test", { target, method });
        expect(answer).toMatchObject({ kind: "answer", status: 404 });
      }
    expect(await it.ask("8080-nosuch.sandlot.test", { target: "/init" })).toMatchObject({ status: 502 });
  });

  it("answers what does not run here with the 502 that clients read as gone", async () => {
    await using it = await node();
    expect(await it.ask("49983-i9.sandlot.test")).toMatchObject({
      status: 502,
      body: '{"sandboxId":"i9","message":"The sandbox was not found","code":502}',
    });
  });

  it("wants the traffic token on every port but envd's", async () => {
    await using it = await node();
    const network = create(SandboxNetworkConfigSchema, { ingress: { trafficAccessToken: "secret" } });
    await it.make("i1", { network });
    const token = (value: string): { headers: [string, string][] } => ({
      headers: [["E2b-Traffic-Access-Token", value]],
    });
    expect(await it.ask("3000-i1.x.test")).toMatchObject({ status: 403 });
    expect(await it.ask("3000-i1.x.test", token("wrong"))).toMatchObject({ status: 403 });
    expect(await it.ask("3000-i1.x.test", token("secret"))).toMatchObject({ kind: "forward" });
    expect(await it.ask("49983-i1.x.test", { target: "/health" })).toMatchObject({ kind: "forward" });
  });

  it("lets a link in until its time, and shows it to nobody behind", async () => {
    await using it = await node();
    const network = create(SandboxNetworkConfigSchema, { ingress: { trafficAccessToken: "secret" } });
    await it.make("i1", { network });
    const target = { sandboxId: "i1", port: 3000, trafficToken: "secret" };
    const token = signLink(target, NOW_MS + 60_000);
    const query = `?a=b&sandlot-link=${token}`;
    expect(await it.ask("3000-i1.x.test", { target: `/p${query}`, method: "POST" })).toMatchObject({
      ...{ kind: "forward", target: "/p?a=b", dropHeaders: ["cookie"], untilMs: NOW_MS + 60_000 },
    });
    const browser: [string, string][] = [["User-Agent", "Mozilla/5.0"]];
    const redirect = await it.ask("3000-i1.x.test", { target: `//evil.test/${query}`, headers: browser });
    expect(redirect).toMatchObject({ status: 302, body: "" });
    const headers = new Map(redirect.kind === "answer" ? redirect.headers : []);
    expect(headers.get("Location")).toBe("/.//evil.test/?a=b");
    expect(headers.get("Set-Cookie")).toBe(`sandlot-link=${token}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax`);
    const secure: [string, string][] = [...browser, ["X-Forwarded-Proto", "https"]];
    const inside = await it.ask("3000-i1.x.test", { target: `/${query}`, headers: secure });
    expect(inside.kind === "answer" && new Map(inside.headers).get("Set-Cookie")).toEndWith("; SameSite=Lax; Secure");
    const cookie: [string, string][] = [["Cookie", `mine=1; sandlot-link=${token}`]];
    expect(await it.ask("3000-i1.x.test", { headers: cookie })).toMatchObject({
      ...{ kind: "forward", target: "/", setHeaders: [["Cookie", "mine=1"]] },
    });
    expect(await it.ask("3001-i1.x.test", { headers: cookie })).toMatchObject({ status: 403 });
    const old: [string, string][] = [["Cookie", `sandlot-link=${signLink(target, NOW_MS)}`]];
    expect(await it.ask("3000-i1.x.test", { headers: old })).toMatchObject({ status: 403 });
  });

  it("gives a plain connection to who has the sandbox's token, and never to envd", async () => {
    await using it = await node();
    const network = create(SandboxNetworkConfigSchema, { ingress: { trafficAccessToken: "secret" } });
    await it.make("i1", { network });
    const tunnel = (token: string): { headers: [string, string][] } => ({
      headers: [
        ["Connection", "Upgrade"],
        ["Upgrade", "sandlot-tcp"],
        ["X-Access-Token", token],
      ],
    });
    expect(await it.ask("22-i1.x.test", tunnel("token-1"))).toMatchObject({ kind: "forward", tunnel: "sandlot-tcp" });
    expect(await it.ask("22-i1.x.test", tunnel("secret"))).toMatchObject({ status: 401 });
    expect(await it.ask("49983-i1.x.test", tunnel("token-1"))).toMatchObject({ status: 404 });
  });

  it("says how many connections a sandbox may have", async () => {
    await using it = await node();
    await it.make("i1");
    const decision = await it.ask("3000-i1.x.test");
    const limit = decision.kind === "forward" ? decision.connectionLimit : undefined;
    expect(limit?.count).toBe(7);
    expect(limit?.answer()).toMatchObject({ status: 429, body: expect.stringContaining('"connectionLimit":7') });
  });

  it("masks the host for user ports only", async () => {
    await using it = await node();
    const network = create(SandboxNetworkConfigSchema, { ingress: { maskRequestHost: "localhost:${PORT}" } });
    await it.make("i1", { network });
    expect(await it.ask("3000-i1.x.test")).toMatchObject({
      host: "localhost:3000",
      setHeaders: [["X-Forwarded-Host", "3000-i1.x.test"]],
    });
    expect("host" in (await it.ask("49983-i1.x.test"))).toBe(false);
  });

  it("answers its own health, and 400 to what names no sandbox", async () => {
    await using it = await node();
    expect(await it.ask("127.0.0.1:5007", { target: "/health" })).toMatchObject({ status: 200 });
    expect(await it.ask("127.0.0.1:5007")).toMatchObject({ status: 400, body: "Invalid host" });
    expect(await it.ask("02280-i1.x.test")).toMatchObject({ status: 400 });
  });

  it("holds traffic to an envd that is being restarted, and answers 502 once the sandbox is killed meanwhile", async () => {
    await using it = await node();
    await it.make("i1");
    const { envd } = it.runtime.only;
    const sandbox = it.sandboxes.find("i1");
    await eventually(() => envd.lifelines === 1);
    const restarting = envd.restart();
    await eventually(() => sandbox?.lifeline.isUp === false);
    expect(await it.ask("49983-i1.x.test")).toMatchObject({ kind: "forward" });
    expect(envd.token).toBe("token-1");
    await restarting;
    await envd.stop();
    await eventually(() => sandbox?.lifeline.isUp === false);
    const asked = it.ask("49983-i1.x.test");
    await it.sandboxes.end("i1", "request");
    expect(await asked).toMatchObject({ status: 502, body: expect.stringContaining("was not found") });
  });
});

describe(startOrchestrator, () => {
  it("opens both doors", async () => {
    using temp = tempNode();
    const runtime = temp.runtime();
    await using service = await startOrchestrator(temp.config, {
      logger: silentLogger,
      host: { runtimes: oneRuntime(runtime), slots: new FakeSlots(), artifacts: await temp.openArtifacts() },
    });
    const answer = await fetch(`http://127.0.0.1:${service.proxyPort}/health`);
    expect(answer.status).toBe(200);
  });
});
