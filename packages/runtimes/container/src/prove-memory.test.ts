import { expect, test } from "bun:test";
import { holdsConnection } from "./prove-memory";

const row = (state: string, queues: string): string =>
  `   1: 0100007F:A2D4 0100007F:B61F ${state} ${queues} 00:00000000 00000000     0        0 4711 1 0000000000000000 20 4 0 10 -1`;
const lines = (...rows: string[]): string =>
  ["  sl  local_address rem_address   st tx_queue rx_queue", ...rows].join("\n");

test("a machine is sealed for the proof once its connection is there and has been written to", () => {
  expect(holdsConnection(lines())).toBe(false);
  expect(holdsConnection(lines(row("0A", "00000000:00000001")))).toBe(false); // listens, one to be accepted
  expect(holdsConnection(lines(row("01", "00000000:00000000"), row("01", "00000000:00000000")))).toBe(false);
  expect(holdsConnection(lines(row("01", "00000000:00000000"), row("01", "00000000:00000002")))).toBe(true);
});
