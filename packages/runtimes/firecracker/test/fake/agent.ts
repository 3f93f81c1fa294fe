/** The fake guest's side of the agent's line, as `packages/runtimes/microvm/guest` speaks it. */
import { crc32 } from "node:zlib";
import type { FakeGuest } from "./guest";

const MARK = 0x31414c53;
const HEADER_BYTES = 20;
const ASK = {
  hello: 1,
  clock: 2,
  entropy: 3,
  identity: 4,
  freeze: 5,
  thaw: 6,
  network: 7,
  stats: 8,
  output: 9,
  sync: 10,
  pids: 11,
};

/** Answers all whole frames. @returns what is left */
export function answerFrames(of: { bytes: Buffer; guest: FakeGuest; answer: (frame: Buffer) => void }): Buffer {
  let bytes = of.bytes;
  for (;;) {
    while (bytes.length >= 4 && bytes.readUInt32LE(0) !== MARK) bytes = bytes.subarray(1);
    if (bytes.length < HEADER_BYTES) return bytes;
    const length = bytes.readUInt32LE(12);
    if (bytes.length < HEADER_BYTES + length) return bytes;
    const frame = Buffer.from(bytes.subarray(0, HEADER_BYTES + length));
    const sum = frame.readUInt32LE(16);
    frame.writeUInt32LE(0, 16);
    if (crc32(frame) !== sum) {
      bytes = bytes.subarray(1);
      continue;
    }
    bytes = bytes.subarray(HEADER_BYTES + length);
    const what = frame.readUInt16LE(8);
    of.answer(
      encode({ id: frame.readUInt32LE(4), what, payload: answerTo(of.guest, what, frame.subarray(HEADER_BYTES)) }),
    );
  }
}

function encode(of: { id: number; what: number; payload: Buffer }): Buffer {
  const frame = Buffer.alloc(HEADER_BYTES + of.payload.length);
  frame.writeUInt32LE(MARK, 0);
  frame.writeUInt32LE(of.id, 4);
  frame.writeUInt16LE(of.what, 8);
  frame.writeUInt32LE(of.payload.length, 12);
  of.payload.copy(frame, HEADER_BYTES);
  frame.writeUInt32LE(crc32(frame), 16);
  return frame;
}

function answerTo(guest: FakeGuest, what: number, payload: Buffer): Buffer {
  const { state } = guest;
  const nothing = Buffer.alloc(0);
  switch (what) {
    case ASK.hello:
      return Buffer.concat([payload, Buffer.from("protocol=1\nkernel=6.1.0-fake\nuptime_ms=10\nsandbox=1\n")]);
    case ASK.clock:
      guest.change({ clockMs: Number(payload.readBigUInt64LE(0) / 1_000_000n) });
      return nothing;
    case ASK.entropy:
      guest.change({ entropyBytes: state.entropyBytes + payload.length });
      return nothing;
    case ASK.identity:
      guest.change({
        hostname: /^hostname=(.*)$/m.exec(payload.toString())?.[1] ?? "",
        identities: state.identities + 1,
      });
      return nothing;
    case ASK.freeze:
    case ASK.thaw:
      guest.change({ frozen: what === ASK.freeze });
      return nothing;
    case ASK.network:
      guest.change({ networkResets: state.networkResets + 1 });
      return nothing;
    case ASK.sync:
      guest.change({ syncs: state.syncs + 1 });
      return nothing;
    case ASK.pids:
      guest.change({ pidsMax: payload.readUInt32LE(0) });
      return nothing;
    case ASK.stats:
      return Buffer.from(
        "cpu_micros=1000\nmemory_used=1048576\nmemory_cache=4096\nmemory_total=16777216\ndisk_used=8192\ndisk_size=65536\npids=3\noom_kills=0\n",
      );
    case ASK.output: {
      const size = Buffer.alloc(8);
      size.writeBigUInt64LE(5n);
      return Buffer.concat([size, Buffer.from("hello").subarray(Number(payload.readBigUInt64LE(0)))]);
    }
    default:
      return nothing;
  }
}
