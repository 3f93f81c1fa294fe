import { afterEach, expect, it } from "bun:test";
import net from "node:net";
import { type Connection, dial } from "./connection";

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

/** A server that says what it is told to about what it hears. */
async function connect(of: { answer: (heard: string) => string; path?: string; limitMs?: number }): Promise<{
  connection: Connection;
  heard: string[];
}> {
  const heard: string[] = [];
  const server = net.createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", (piece) => {
      heard.push(piece.toString());
      socket.write(of.answer(piece.toString()));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => server.close());
  const { port } = server.address() as net.AddressInfo;
  const url = `redis://me:p%40ss@127.0.0.1:${port}${of.path ?? ""}`;
  const connection = await dial({ url, limitMs: of.limitMs ?? 5_000, signal: new AbortController().signal });
  open.push(() => connection.end());
  return { connection, heard };
}
const count = (heard: string): number => heard.match(/^\*\d+\r$/gm)?.length ?? 0;
const ok = (heard: string): string => "+OK\r\n".repeat(count(heard));

it("logs in, chooses its database and hears an answer before it is there", async () => {
  const { heard } = await connect({ answer: ok, path: "/3" });
  const words = heard
    .join("")
    .split("\r\n")
    .filter((line) => /^\w/.test(line));
  expect(words).toEqual(["AUTH", "me", "p@ss", "SELECT", "3", "PING"]);
});

it("ends when a reply comes that nothing asked for, and every command learns it", async () => {
  const { connection } = await connect({ answer: (heard) => (heard.includes("GET") ? ":1\r\n:2\r\n" : ok(heard)) });
  expect(await connection.send(["GET", "a"])).toBe(1);
  await connection.closed;
  expect(connection.isOpen).toBe(false);
  expect(connection.send(["GET", "a"])).rejects.toThrow("has ended");
});

it("ends at what is no reply", async () => {
  const { connection } = await connect({ answer: (heard) => (heard.includes("GET") ? ":1\r\n?\r\n" : ok(heard)) });
  const [first, second] = await Promise.allSettled([connection.send(["GET", "a"]), connection.send(["GET", "b"])]);
  expect([first?.status, second?.status]).toEqual(["rejected", "rejected"]);
  await connection.closed;
});

it("is no connection when the server says nothing, or no", async () => {
  expect(connect({ answer: () => "", limitMs: 50 })).rejects.toThrow("no connection to Redis within 50 ms");
  expect(connect({ answer: () => "-WRONGPASS no\r\n" })).rejects.toThrow("WRONGPASS");
});
