/** The answer to one execution: lines of JSON as they come, a sign of life when none do, the end always last. */
import { isFault } from "@sandlot/faults";
import { KEEPALIVE_GAP_MS, UNREAD_OUTPUT_BYTES } from "../limits";
import { encodeLine, type OutputLine } from "./lines";

export type StreamParts = {
  readonly clientGone: AbortSignal;
  /** Must end early when its signal aborts. */
  readonly work: (onLine: (line: OutputLine) => void, signal: AbortSignal) => Promise<void>;
  readonly onBug: (thrown: unknown) => void;
};

/** @returns the body; a reader that leaves too much unread has its execution interrupted */
export function executionStream({ clientGone, onBug, work }: StreamParts): ReadableStream<Uint8Array> {
  const stop = new AbortController();
  const signal = AbortSignal.any([clientGone, stop.signal]);
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const tell = (line: OutputLine): void => {
          if (signal.aborted) return;
          quiet.refresh();
          controller.enqueue(encoder.encode(encodeLine(line)));
          if ((controller.desiredSize ?? 0) < 0) stop.abort(new Error("the reader is too slow"));
        };
        const quiet = setInterval(() => tell({ type: "keepalive" }), KEEPALIVE_GAP_MS);
        void work(tell, signal)
          .catch((thrown) => {
            if (!isFault(thrown)) onBug(thrown);
            const value = isFault(thrown) ? thrown.message : "internal error";
            tell({ type: "error", name: "KernelError", value, traceback: value });
          })
          .then(() => {
            clearInterval(quiet);
            tell({ type: "end_of_execution" });
            if (stop.signal.aborted) controller.error(stop.signal.reason);
            else controller.close();
          })
          .catch(() => undefined); // the reader has gone: nobody is left to tell
      },
      cancel() {
        stop.abort(new Error("the client has gone"));
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: UNREAD_OUTPUT_BYTES }),
  );
}
