/** This process's own standard streams, for a command that runs elsewhere. */
import type { Writable } from "node:stream";
import type { ExecStreams } from "./exec";

export function standardStreams(of: { withInput: boolean }): ExecStreams & { end(): Promise<void> } {
  const { stdin, stdout, stderr } = process;
  return {
    input: of.withInput ? stdin : undefined,
    out: (chunk) => write(stdout, chunk),
    err: (chunk) => write(stderr, chunk),
    /** Stops reading, and waits until what was written has left this process. */
    async end() {
      if (of.withInput) stdin.destroy();
      await Promise.all([flushed(stdout), flushed(stderr)]);
    },
  };
}

async function write(stream: Writable, chunk: Uint8Array): Promise<void> {
  if (!stream.write(chunk)) await new Promise<void>((room) => stream.once("drain", room));
}

function flushed(stream: Writable): Promise<void> {
  return new Promise((done) => stream.write("", () => done()));
}
