import { describe, expect, it } from "bun:test";
import { RequestStream } from "./request-stream";

/** Feeds `pieces` and returns what went on, and why it ended if it did. */
async function pass(
  pieces: readonly string[],
  of: { headers?: () => Promise<readonly [string, string][]>; answers?: Record<number, string> } = {},
) {
  let out = "";
  const requests: string[] = [];
  const stream = new RequestStream({
    name: "api.test",
    headers: of.headers ?? (() => [["X-Key", "secret"]]),
    forward: (bytes) => {
      out += Buffer.from(bytes).toString("latin1");
    },
    onRequest: ({ target }) => void requests.push(target),
  });
  let ended: unknown;
  try {
    for (const [at, piece] of pieces.entries()) {
      await stream.take(Buffer.from(piece, "latin1"));
      const answer = of.answers?.[at];
      if (answer !== undefined) await stream.answered(Buffer.from(answer));
    }
  } catch (thrown) {
    ended = thrown;
  }
  return { out, requests, ended };
}

const GET = "GET /a HTTP/1.1\r\nHost: api.test\r\nx-key: mine\r\n\r\n";
const POST = "POST /b HTTP/1.1\r\nHost: api.test\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED = "PUT /c HTTP/1.1\r\nHost: api.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";

describe(RequestStream, () => {
  it("sets headers on each of several requests, wherever the bytes are cut", async () => {
    const all = GET + POST + CHUNKED + GET;
    const { out: whole } = await pass([all]);
    expect(whole.match(/X-Key: secret\r\n/g)).toHaveLength(4);
    expect(whole).not.toContain("mine");
    for (let at = 1; at < all.length; at += 1) expect((await pass([all.slice(0, at), all.slice(at)])).out).toBe(whole);
    expect((await pass([...all])).out).toBe(whole);
  });
  it("keeps order while values are fetched", async () => {
    const headers = async (): Promise<[string, string][]> => {
      await Bun.sleep(2);
      return [["X-Key", "late"]];
    };
    let out = "";
    const stream = new RequestStream({
      name: "api.test",
      headers,
      forward: (bytes) => {
        out += Buffer.from(bytes).toString();
      },
      onRequest: () => undefined,
    });
    await Promise.all([
      stream.take(Buffer.from(POST)),
      stream.take(Buffer.from(GET)),
      stream.take(Buffer.from(CHUNKED)),
    ]);
    expect(out.match(/(?:POST|GET|PUT) \/\w/g)).toEqual(["POST /b", "GET /a", "PUT /c"]);
    expect(out.match(/late/g)).toHaveLength(3);
  });
  it("lets nothing through after a request for another host (attack C7)", async () => {
    for (const bad of [
      "GET /x HTTP/1.1\r\nHost: evil.test\r\n\r\n",
      "GET http://evil.test/x HTTP/1.1\r\nHost: api.test\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost: api.test\r\nHost: evil.test\r\n\r\n",
      "GET /x HTTP/1.0\r\n\r\n",
      "GET /x HTTP/1.1\nHost: api.test\n\n\r\n\r\n",
      "GET /x HTTP/1.1\r\nHost : api.test\r\n\r\n",
      "POST /x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "POST /x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
      "CONNECT evil.test:443 HTTP/1.1\r\nHost: api.test\r\n\r\n",
    ]) {
      const { requests, ended, out } = await pass([GET, bad, GET]);
      expect([bad, requests, ended === undefined]).toEqual([bad, ["/a"], false]);
      expect(out).not.toContain("evil");
    }
  });
  it("goes raw only when the server says 101", async () => {
    const upgrade = "GET /ws HTTP/1.1\r\nHost: api.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    const smuggled = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";
    const refused = await pass([upgrade + smuggled], { answers: { 0: "HTTP/1.1 200 OK\r\n\r\n" } });
    expect([refused.requests, refused.ended === undefined]).toEqual([["/ws"], false]);
    const held = await pass([upgrade, smuggled]);
    expect([held.requests, held.out.includes("evil")]).toEqual([["/ws"], false]);
    const open = await pass([upgrade, "\x81\x05hello"], { answers: { 0: "HTTP/1.1 101 Switching Protocols\r\n\r\n" } });
    expect(open.out).toEndWith("\x81\x05hello");
  });
  it("answers for heads without end", async () => {
    const { ended } = await pass([`GET /${"a".repeat(70_000)}`]);
    expect(ended).toMatchObject({ status: 431 });
  });
});
