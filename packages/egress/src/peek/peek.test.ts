import { describe, expect, it } from "bun:test";
import { Duplex } from "node:stream";
import { connect } from "node:tls";
import { readClientHello } from "./client-hello";
import { nameOfHost, peek } from "./peek";

/** What a real TLS client says first. */
async function helloOf(servername: string | undefined): Promise<Buffer> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const wire = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      resolve(chunk);
      done();
    },
  });
  const client = connect({ socket: wire, ...(servername === undefined ? {} : { servername }) });
  client.on("error", () => undefined);
  const hello = await promise;
  client.destroy();
  return hello;
}

/** A hello made by hand: `names` go into one server_name extension each. */
function handmade(...names: string[]): Buffer {
  const short = (value: number) => Buffer.from([value >> 8, value & 255]);
  const sized = (body: Buffer) => Buffer.concat([short(body.length), body]);
  const extension = (name: string) =>
    Buffer.concat([short(0), sized(sized(Buffer.concat([Buffer.from([0]), sized(Buffer.from(name, "latin1"))])))]);
  const body = Buffer.concat([
    short(0x303),
    Buffer.alloc(32),
    Buffer.from([0]),
    sized(short(0x1301)),
    Buffer.from([1, 0]),
    sized(Buffer.concat(names.map(extension))),
  ]);
  const message = Buffer.concat([Buffer.from([1, 0]), short(body.length), body]);
  return Buffer.concat([Buffer.from([22, 3, 1]), short(message.length), message]);
}

describe(readClientHello, () => {
  it("finds the name in what real clients send, byte by byte", async () => {
    const hello = await helloOf("Api.Test");
    for (let length = 1; length < hello.length; length += 1)
      expect(readClientHello(hello.subarray(0, length))).toBe("more");
    expect(readClientHello(hello)).toEqual({ serverName: "Api.Test" });
    expect(peek(hello)).toEqual({ protocol: "tls", name: "api.test" });
  });
  it("joins a hello that is cut into many records", async () => {
    const [hello, head] = [handmade("api.test").subarray(5), Buffer.from([22, 3, 1, 0, 7])];
    const records: Buffer[] = [];
    for (let at = 0; at < hello.length; at += 7) {
      const part = hello.subarray(at, at + 7);
      const own = Buffer.from(head);
      own.writeUInt16BE(part.length, 3);
      records.push(own, part);
    }
    expect(readClientHello(Buffer.concat(records))).toEqual({ serverName: "api.test" });
  });
  it("takes no name, two names, and what is no name for none (attack C4, C5)", async () => {
    expect(peek(await helloOf(undefined))).toEqual({ protocol: "tls", name: undefined });
    expect(readClientHello(handmade("a.test", "evil.test"))).toEqual({ serverName: undefined });
    for (const name of ["a.test\0.evil.test", "10.0.0.1", "a.test/", "", "münchen.test"])
      expect(peek(handmade(name))).toEqual({ protocol: "tls", name: undefined });
  });
  it("survives any damage", () => {
    const hello = handmade("api.test");
    for (let at = 0; at < hello.length; at += 1)
      for (const value of [0, 1, 22, 127, 255]) {
        const damaged = Buffer.from(hello);
        damaged[at] = value;
        expect(() => peek(damaged)).not.toThrow();
      }
    expect(readClientHello(Buffer.from([22, 3, 1, 0xff, 0xff]))).toBe("not_tls");
    expect(peek(Buffer.concat([Buffer.from([22, 3, 1, 0x40, 0]), Buffer.alloc(65_536, 1)]))).toEqual({
      protocol: "tcp",
      name: undefined,
    });
  });
});

describe("HTTP", () => {
  const head = (...lines: string[]) => peek(Buffer.from(`${lines.join("\r\n")}\r\n\r\n`));
  it("is known by its request line, its host by exactly one Host", () => {
    expect(head("GET / HTTP/1.1", "hOsT: API.test:8080")).toEqual({ protocol: "http", name: "api.test" });
    expect(head("GET http://other.test/x HTTP/1.1", "Host: api.test")).toEqual({
      protocol: "http",
      name: "other.test",
    });
    for (const lines of [
      ["GET / HTTP/1.1"],
      ["GET / HTTP/1.1", "Host: a.test", "Host: b.test"],
      ["GET / HTTP/1.1", "Host: 10.0.0.1"],
      ["GET / HTTP/1.1", "Host: a.test, b.test"],
    ])
      expect(head(...(lines as [string]))).toEqual({ protocol: "http", name: undefined });
    expect(peek(Buffer.from("GET / HTTP/1.1\r\nHost: a.te"))).toBe("more");
    expect(peek(Buffer.from("GE"))).toBe("more");
  });
  it("is not seen in other protocols, which are not held up", () => {
    for (const text of [
      "SSH-2.0-OpenSSH_9.2\r\n",
      "PRI * HTTP/2.0\r\n\r\n",
      "CONNECT a.test:443 HTTP/1.1\r\n\r\n",
      "EHLO me\r\n",
      "\0\0\0\x08\x04\xd2\x16\x2f",
    ])
      expect(peek(Buffer.from(text, "latin1"))).toEqual({ protocol: "tcp", name: undefined });
  });
  it("has hosts with and without port", () => {
    expect(["a.test", "A.test.:80", "a.test:x", "[::1]:80", "1.2.3.4"].map(nameOfHost)).toEqual([
      "a.test",
      "a.test",
      undefined,
      undefined,
      undefined,
    ]);
  });
});
