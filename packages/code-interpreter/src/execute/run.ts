/** Runs one piece of code on one kernel and tells what comes of it. */
import { sleep } from "@sandlot/lifetime";
import type { Kernel } from "../kernels/kernel";
import { errorLine, lineOf, type OutputLine } from "./lines";

export type Run = {
  readonly code: string;
  /** Silent code counts for nothing: no history, no number, no output. A rehearsal has output, but leaves no trace either. */
  readonly as: "code" | "silent" | "rehearsal";
  readonly onLine: (line: OutputLine) => void;
};

/**
 * Ends when the kernel has replied, is idle and, where it needs that, has been quiet: all output has been told by then.
 * @returns why the kernel died, or undefined when it is well
 */
export async function runOnKernel(kernel: Kernel, { as, code, onLine }: Run): Promise<string | undefined> {
  const done = Promise.withResolvers<undefined>();
  let lastMs = performance.now();
  const seen = { idle: false, reply: false, error: false };
  const isSilent = as === "silent";
  const content = {
    code,
    silent: isSilent,
    store_history: as === "code",
    user_expressions: {},
    allow_stdin: false,
    stop_on_error: false,
  };
  using _asked = kernel.request("execute_request", content, (message) => {
    if (message.type === "status") seen.idle ||= message.content.execution_state === "idle";
    else if (message.type === "execute_reply") {
      seen.reply = true;
      // Some kernels tell of a failure in the reply only.
      const hasFailed = message.content.status === "error" || message.content.status === "abort";
      if (hasFailed && !seen.error && !isSilent) onLine(errorLine(message.content));
    } else if (!isSilent) {
      seen.error ||= message.type === "error";
      const line = lineOf(message, Date.now());
      if (line !== undefined) onLine(line);
    }
    lastMs = performance.now();
    if (seen.idle && seen.reply) done.resolve(undefined);
  });
  const death = await Promise.race([done.promise, kernel.ended]);
  if (death !== undefined) return death;
  const { settleMs } = kernel.spec;
  for (let leftMs = settleMs; leftMs > 0; leftMs = lastMs + settleMs - performance.now()) await sleep(leftMs);
  return undefined;
}
