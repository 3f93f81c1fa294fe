/** Control routes, the token and the encodings over a real envd. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ListRequestSchema, StartRequestSchema, StartResponseSchema } from "@sandlot/contracts/envd/process";
import { type Json, rssMiB, run, startTestEnvd, type TestEnvd, unary } from "./harness";

const CA = "-----BEGIN CERTIFICATE-----\nMIIBone\n-----END CERTIFICATE-----";
const CA_2 = "-----BEGIN CERTIFICATE-----\nMIIBtwo\n-----END CERTIFICATE-----";

function init(envd: TestEnvd, body: Json | string, headers: Record<string, string> = {}): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return fetch(`${envd.url}/init`, { method: "POST", body: text, headers });
}

async function envs(envd: TestEnvd, token?: string): Promise<Json> {
  const headers: Record<string, string> = token === undefined ? {} : { "x-access-token": token };
  return (await (await fetch(`${envd.url}/envs`, { headers })).json()) as Json;
}

describe("plain routes", () => {
  let envd: TestEnvd;
  beforeAll(async () => {
    envd = await startTestEnvd();
  });
  afterAll(() => envd[Symbol.asyncDispose]());

  test("GET /health is an empty 204 nobody may cache", async () => {
    const response = await fetch(`${envd.url}/health`);
    expect(response.status).toBe(204);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("GET /metrics has all numbers", async () => {
    const metrics = (await (await fetch(`${envd.url}/metrics`)).json()) as Record<string, number>;
    for (const name of [
      "ts",
      "cpu_count",
      "mem_total",
      "mem_used",
      "mem_cache",
      "mem_total_mib",
      "disk_used",
      "disk_total",
    ]) {
      expect(metrics[name]).toBeGreaterThan(0);
    }
    expect(metrics.cpu_used_pct).toBeWithin(0, 100.01);
    expect(metrics.mem_used).toBeLessThan(metrics.mem_total ?? 0);
  });

  test("an unknown route is a JSON 404, what the node does a JSON 501", async () => {
    const missing = await fetch(`${envd.url}/nope`);
    expect([missing.status, await missing.json()]).toEqual([404, { code: 404, message: "no such route: GET /nope" }]);
    for (const path of ["freeze", "unfreeze", "fsfreeze", "fsthaw", "collapse", "upgrade"]) {
      const response = await fetch(`${envd.url}/${path}`, { method: "POST" });
      expect(response.status).toBe(501);
      expect(((await response.json()) as Json).message).toContain(`/${path}`);
    }
  });

  test("browsers of any origin may ask", async () => {
    const preflight = await fetch(`${envd.url}/process.Process/List`, {
      method: "OPTIONS",
      headers: {
        origin: "https://a.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-access-token",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toContain("x-access-token");
    const answer = await fetch(`${envd.url}/health`, { headers: { origin: "https://a.example" } });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-expose-headers")).toContain("Grpc-Status");
  });
});

describe("encodings", () => {
  let envd: TestEnvd;
  beforeAll(async () => {
    envd = await startTestEnvd();
  });
  afterAll(() => envd[Symbol.asyncDispose]());

  const post = (
    method: string,
    contentType: string,
    body: Uint8Array,
    headers: Record<string, string> = {},
  ): Promise<Response> =>
    fetch(`${envd.url}/process.Process/${method}`, {
      method: "POST",
      headers: { "content-type": contentType, "connect-protocol-version": "1", ...headers },
      body: Buffer.from(body),
    });

  const echo = toBinary(
    StartRequestSchema,
    create(StartRequestSchema, { process: { cmd: "echo", args: ["hi"] }, stdin: false }),
  );

  function frames(bytes: Buffer): { flags: number; body: Buffer }[] {
    const found = [];
    for (let at = 0; at < bytes.byteLength; ) {
      const size = bytes.readUInt32BE(at + 1);
      found.push({ flags: bytes.readUInt8(at), body: bytes.subarray(at + 5, at + 5 + size) });
      at += 5 + size;
    }
    return found;
  }

  function frame(body: Uint8Array): Buffer {
    const head = Buffer.alloc(5);
    head.writeUInt32BE(body.byteLength, 1);
    return Buffer.concat([head, body]);
  }

  function stdoutOf(parts: { body: Buffer }[]): string {
    return parts
      .map(({ body }) => fromBinary(StartResponseSchema, body).event?.event)
      .map((event) => (event?.case === "data" ? Buffer.from(event.value.output.value ?? []).toString() : ""))
      .join("");
  }

  test("Connect binary: unary and stream", async () => {
    const list = await post("List", "application/proto", toBinary(ListRequestSchema, create(ListRequestSchema)));
    expect(list.status).toBe(200);
    const response = await post("Start", "application/connect+proto", frame(echo));
    const parts = frames(Buffer.from(await response.arrayBuffer()));
    expect(stdoutOf(parts.filter(({ flags }) => flags === 0))).toBe("hi\n");
    expect(parts.at(-1)?.flags).toBe(2);
  });

  test("gRPC-Web: stream with its trailer in the body", async () => {
    const response = await post("Start", "application/grpc-web+proto", frame(echo));
    const parts = frames(Buffer.from(await response.arrayBuffer()));
    expect(stdoutOf(parts.filter(({ flags }) => flags === 0))).toBe("hi\n");
    expect(parts.at(-1)?.body.toString().toLowerCase()).toContain("grpc-status: 0");
  });

  test("gzip both ways, unary and streamed", async () => {
    const asked = { "content-encoding": "gzip", "accept-encoding": "gzip" };
    const packed = gzipSync(toBinary(ListRequestSchema, create(ListRequestSchema)));
    expect((await post("List", "application/proto", packed, asked)).status).toBe(200);
    const body = gzipSync(echo);
    const compressed = frame(body);
    compressed.writeUInt8(1, 0);
    const headers = { "connect-content-encoding": "gzip", "connect-accept-encoding": "gzip" };
    const response = await post("Start", "application/connect+proto", compressed, headers);
    expect(response.headers.get("connect-content-encoding")).toBe("gzip");
    const parts = frames(Buffer.from(await response.arrayBuffer()));
    expect(stdoutOf(parts.filter(({ flags }) => flags === 0))).toBe("hi\n");
  });

  test("large answers are packed for who asks for it, and for nobody else", async () => {
    await using other = await startTestEnvd();
    const long = "a ".repeat(20_000);
    const running = run(other, { script: "sleep 20", process: { envs: { LONG: long } } }).catch(() => undefined);
    const list = (encoding: string) =>
      fetch(`${other.url}/process.Process/List`, {
        method: "POST",
        body: "{}",
        decompress: false,
        headers: { "content-type": "application/json", "accept-encoding": encoding },
      });
    while (!(await (await list("identity")).text()).includes(long)) await Bun.sleep(10);
    const packed = await list("gzip");
    expect(packed.headers.get("content-encoding")).toBe("gzip");
    expect(gunzipSync(await packed.arrayBuffer()).toString()).toContain(long);
    expect((await list("identity")).headers.get("content-encoding")).toBe(null);
    const [first] = JSON.parse(await (await list("identity")).text()).processes;
    await unary({ url: other.url, method: "SendSignal" }, { process: { pid: first.pid }, signal: "SIGNAL_SIGKILL" });
    await running;
  });

  test("what unpacks to more than a message may be, or is no gzip, is refused", async () => {
    const bomb = gzipSync(Buffer.alloc(80 * 1024 * 1024), { level: 9 });
    const before = rssMiB(envd.pid);
    const refused = await post("List", "application/proto", bomb, { "content-encoding": "gzip" });
    expect(((await refused.json()) as Json).code).toBe("resource_exhausted");
    expect(rssMiB(envd.pid) - before).toBeLessThan(120);
    const broken = await post("List", "application/proto", Buffer.from("plain"), { "content-encoding": "gzip" });
    expect(((await broken.json()) as Json).code).toBe("invalid_argument");
    const unknown = await post("List", "application/proto", Buffer.from("plain"), { "content-encoding": "br" });
    expect(((await unknown.json()) as Json).code).toBe("unimplemented");
  });

  test("a client stream puts its pieces into stdin in order", async () => {
    const ran = await run(envd, {
      script: "head -n 3",
      user: "root",
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        const messages = [
          { start: { process: { pid } } },
          ...["one\n", "two\n"].map((line) => ({ data: { input: { stdin: Buffer.from(line).toString("base64") } } })),
          { keepalive: {} },
          { data: { input: { stdin: Buffer.from("three\n").toString("base64") } } },
        ];
        const body = Buffer.concat(messages.map((message) => frame(Buffer.from(JSON.stringify(message)))));
        const response = await post("StreamInput", "application/connect+json", body);
        expect((await response.text()).replace(/[^ -~]/g, "")).toBe("{}{}");
      },
    });
    expect(ran.stdout).toBe("one\ntwo\nthree\n");
  });
});

describe("POST /init", () => {
  test("installs environment, defaults, identity and hosts", async () => {
    await using envd = await startTestEnvd();
    mkdirSync(join(envd.root, "etc"));
    writeFileSync(join(envd.root, "etc/hosts"), "127.0.0.1\tlocalhost\n");
    const body = {
      envVars: { A: "1", E2B_SANDBOX_ID: "forged", PATH: "/usr/bin:/bin" },
      defaultUser: "user",
      defaultWorkdir: "/usr",
      sandboxId: "i123",
      templateId: "t456",
      buildId: "b789",
      hostname: "box",
      hyperloopIP: "10.0.0.1",
      proxy: { https: "http://proxy:3128", no: "localhost" },
      timestamp: "2026-11-21T10:00:00.123456789Z",
    };
    for (let time = 0; time < 2; time += 1) {
      const response = await init(envd, { ...body, timestamp: undefined });
      expect([response.status, response.headers.get("x-envd-version")]).toEqual([204, "0.6.13"]);
    }
    expect(await envs(envd)).toEqual({
      E2B_SANDBOX: "true",
      E2B_SANDBOX_ID: "i123",
      E2B_TEMPLATE_ID: "t456",
      E2B_EVENTS_ADDRESS: "http://10.0.0.1",
      https_proxy: "http://proxy:3128",
      HTTPS_PROXY: "http://proxy:3128",
      no_proxy: "localhost",
      NO_PROXY: "localhost",
      A: "1",
      PATH: "/usr/bin:/bin",
    });
    expect(readFileSync(join(envd.root, "run/e2b/.E2B_SANDBOX_ID"), "utf8")).toBe("i123");
    expect(readFileSync(join(envd.root, "run/e2b/.E2B_SANDBOX"), "utf8")).toBe("true");
    expect(readFileSync(join(envd.root, ".e2b"), "utf8")).toContain("BUILD_ID=b789\n");
    const hosts = readFileSync(join(envd.root, "etc/hosts"), "utf8");
    expect(hosts.match(/events\.e2b\.local/g)).toHaveLength(1);
    expect(hosts.match(/\tbox /g)).toHaveLength(1);
    expect(hosts).toStartWith("127.0.0.1\tlocalhost\n");
    expect(readFileSync(join(envd.root, "etc/hostname"), "utf8")).toBe("box\n");
    const answer = await unary({ url: envd.url, method: "List" }, {});
    expect(answer.status).toBe(200);
    const ran = await run(envd, { script: "pwd; id -un; echo $A" });
    expect(ran.stdout.split("\n").slice(0, 1)).toEqual(["/usr"]);
    expect(ran.stdout).toEndWith("1\n");
  });

  test("replaces the user's variables wholesale, and only when given", async () => {
    await using envd = await startTestEnvd();
    await init(envd, { envVars: { A: "1", B: "2" } });
    await init(envd, {});
    expect(await envs(envd)).toMatchObject({ A: "1", B: "2" });
    await init(envd, { envVars: { C: "3" } });
    expect(await envs(envd)).toEqual({ E2B_SANDBOX: "true", C: "3" });
  });

  test("ignores what is not newer than the last", async () => {
    await using envd = await startTestEnvd();
    const at = (timestamp: string, A: string) => init(envd, { timestamp, envVars: { A } });
    expect((await at("2026-11-21T10:00:00.000000002Z", "new")).status).toBe(204);
    expect((await at("2026-11-21T10:00:00.000000002Z", "same")).status).toBe(204);
    expect((await at("2026-11-21T10:00:00.000000001Z", "old")).status).toBe(204);
    expect(await envs(envd)).toMatchObject({ A: "new" });
    expect((await at("2026-11-21T12:00:00.000000003+02:00", "newer")).status).toBe(204);
    expect(await envs(envd)).toMatchObject({ A: "newer" });
    expect((await at("yesterday", "x")).status).toBe(400);
  });

  test("the token: who may install, who may pass", async () => {
    await using envd = await startTestEnvd();
    expect((await init(envd, { accessToken: "secret" })).status).toBe(204);
    const refused = await fetch(`${envd.url}/envs`);
    expect([refused.status, await refused.json()]).toEqual([
      401,
      {
        code: 401,
        message: "unauthorized access, please provide a valid access token or method signing if supported",
      },
    ]);
    expect((await fetch(`${envd.url}/metrics`, { headers: { "x-access-token": "secret2" } })).status).toBe(401);
    expect((await fetch(`${envd.url}/health`)).status).toBe(204);
    expect((await unary({ url: envd.url, method: "List" }, {})).status).toBe(401);
    const headers = { "x-access-token": "secret" };
    expect((await unary({ url: envd.url, method: "List", headers }, {})).status).toBe(200);

    const wrong = await init(envd, { accessToken: "other" });
    expect([wrong.status, await wrong.text()]).toEqual([401, "access token validation failed"]);
    const reset = await init(envd, {});
    expect([reset.status, await reset.text()]).toEqual([401, "access token reset not authorized"]);
    expect((await init(envd, { accessToken: "secret" })).status).toBe(204);
    expect((await init(envd, { accessToken: "next" }, headers)).status).toBe(204);
    expect((await unary({ url: envd.url, method: "List", headers }, {})).status).toBe(401);
    expect((await init(envd, {}, { "x-access-token": "next" })).status).toBe(204);
    expect((await unary({ url: envd.url, method: "List" }, {})).status).toBe(200);
  });

  test("installs a CA once, and replaces it by another", async () => {
    await using envd = await startTestEnvd();
    const bundle = join(envd.root, "etc/ssl/certs/ca-certificates.crt");
    const own = join(envd.root, "usr/local/share/ca-certificates/e2b-ca.crt");
    mkdirSync(join(envd.root, "etc/ssl/certs"), { recursive: true });
    writeFileSync(bundle, "system\n");
    for (const caBundle of [CA, `${CA}\n`]) expect((await init(envd, { caBundle })).status).toBe(204);
    expect(readFileSync(bundle, "utf8")).toBe(`system\n${CA}\n`);
    expect(readFileSync(own, "utf8")).toBe(`${CA}\n`);
    await init(envd, { caBundle: CA_2 });
    expect(readFileSync(bundle, "utf8")).toBe(`system\n${CA_2}\n`);
    expect(await envs(envd)).toMatchObject({
      NODE_EXTRA_CA_CERTS: "/usr/local/share/ca-certificates/e2b-ca.crt",
      SSL_CERT_FILE: "/etc/ssl/certs/ca-certificates.crt",
      GIT_SSL_CAINFO: "/etc/ssl/certs/ca-certificates.crt",
    });
    expect((await init(envd, { caBundle: "junk" })).status).toBe(400);
  });

  test("refuses what it cannot read or do, and changes nothing then", async () => {
    await using envd = await startTestEnvd();
    for (const body of ["{", "[]", '{"envVars":{"A":1}}', '{"envVars":{"A=B":"1"}}', '{"accessToken":5}']) {
      expect((await init(envd, body)).status).toBe(400);
    }
    const volumes = await init(envd, { volumeMounts: [{ nfs_target: "a:/b", path: "/mnt" }], envVars: { A: "1" } });
    expect(volumes.status).toBe(400);
    expect(((await volumes.json()) as Json).message).toContain("not supported");
    expect(await envs(envd)).toEqual({ E2B_SANDBOX: "true" });
    expect(existsSync(join(envd.root, "run/e2b"))).toBe(false);
    expect((await init(envd, "")).status).toBe(204);
  });

  test("one caller that never ends sending keeps no other out, and none may send without end", async () => {
    await using envd = await startTestEnvd();
    const stop = new AbortController();
    const endless = (chunk: number, everyMs: number) =>
      fetch(`${envd.url}/init`, {
        method: "POST",
        signal: stop.signal,
        body: new ReadableStream({
          async pull(controller) {
            controller.enqueue(Buffer.alloc(chunk, " "));
            await Bun.sleep(everyMs);
          },
        }),
      }).then((response) => response.status);
    const slow = endless(1, 20).catch(() => "aborted");
    await Bun.sleep(100);
    expect((await init(envd, { envVars: { A: "1" } })).status).toBe(204);
    expect(await endless(256 * 1024, 0).catch(() => "cut")).toBeOneOf([400, "cut"]);
    stop.abort();
    expect(await slow).toBe("aborted");
    expect(await envs(envd)).toMatchObject({ A: "1" });
  });
});
