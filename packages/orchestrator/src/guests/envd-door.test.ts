import { afterAll, expect, it, spyOn } from "bun:test";
import { ENVD_PORT, hasIdentity, initEnvd, isEnvdUp } from "./envd-door";

const elsewhere: string[] = [];
const inside = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    elsewhere.push(`${request.method} ${await request.text()}`);
    return Response.json({ E2B_SANDBOX_ID: "i1" });
  },
});
let answer: () => Response = () => new Response();
const guest = Bun.serve({ hostname: "127.0.0.77", port: ENVD_PORT, fetch: () => answer() });
afterAll(async () => {
  await Promise.all([inside.stop(true), guest.stop(true)]);
});

const address = "127.0.0.77";
const signal = AbortSignal.timeout(60_000);
const identity = () => hasIdentity({ address, sandboxId: "i1", accessToken: "secret", signal });
const body = () => ({ timestamp: "", defaultUser: "", defaultWorkdir: "", lifecycleID: "", buildId: "" });

it("follows a guest nowhere", async () => {
  for (const status of [301, 302, 307, 308]) {
    answer = () => new Response(null, { status, headers: { Location: inside.url.href } });
    expect(await isEnvdUp(address, 500)).toBe(false);
    expect(await identity()).toBe(false);
    const refused = initEnvd({
      address,
      body: () => ({ ...body(), sandboxId: "i1", templateId: "", hostname: "" }),
      signal,
    });
    expect(refused).rejects.toMatchObject({ name: expect.any(String) });
    await refused.catch(() => undefined);
  }
  expect(elsewhere).toEqual([]);
});

it("takes no more than a few megabytes of an endless answer, however it is packed", async () => {
  let sentBytes = 0;
  const endless = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        sentBytes += 65_536;
        controller.enqueue(new Uint8Array(65_536).fill(0x20));
      },
    });
  answer = () => new Response(endless());
  await expect(identity()).rejects.toThrow("longer than");
  expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
  const bomb = Bun.gzipSync(new Uint8Array(32 * 1024 * 1024));
  answer = () => new Response(bomb, { headers: { "Content-Encoding": "gzip" } });
  const parse = spyOn(JSON, "parse");
  await expect(identity()).rejects.toThrow();
  expect(parse.mock.calls.every(([text]) => String(text).length <= bomb.length)).toBe(true);
  parse.mockRestore();
});
