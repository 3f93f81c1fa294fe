import { expect, test } from "bun:test";
import { listTcpListeners } from "./listeners";

test("listTcpListeners finds sockets of both families with address and port", () => {
  const handlers = { data: () => undefined };
  using four = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: handlers });
  using six = Bun.listen({ hostname: "::1", port: 0, socket: handlers });
  const found = listTcpListeners();
  const onFour = found.find(({ family, port }) => family === 4 && port === four.port);
  const onSix = found.find(({ family, port }) => family === 6 && port === six.port);
  expect([...(onFour?.address ?? [])]).toEqual([127, 0, 0, 1]);
  expect([...(onSix?.address ?? [])]).toEqual([...new Array(15).fill(0), 1]);
});

test("listTcpListeners reads an answer of many parts", () => {
  const open = Array.from({ length: 600 }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } }),
  );
  const ports = new Set(listTcpListeners().map(({ port }) => port));
  expect(open.every(({ port }) => ports.has(port))).toBe(true);
  for (const listener of open) listener.stop();
});
