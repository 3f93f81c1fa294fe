import { Code, ConnectError } from "@connectrpc/connect";
import type { Guest } from "./guest";
import { limits } from "./limits";

export type SmallOutcome = { readonly exitCode: number; readonly out: string; readonly err: string };

/** Runs a program that says little, such as chmod. Exit code 127: there is no such program. */
export async function runSmall(guest: Guest, argv: readonly [string, ...string[]]): Promise<SmallOutcome> {
  const [cmd, ...args] = argv;
  let [out, err] = ["", ""];
  let exitCode = -1;
  const decoder = new TextDecoder();
  try {
    for await (const { event } of guest.processes.start({ process: { cmd, args }, stdin: false })) {
      const what = event?.event;
      if (what?.case === "data") {
        const { output } = what.value;
        if (output.case === "stdout") out = (out + decoder.decode(output.value)).slice(0, limits.messageBytes);
        if (output.case === "stderr") err = (err + decoder.decode(output.value)).slice(0, limits.messageBytes);
      } else if (what?.case === "end") exitCode = what.value.exited ? what.value.exitCode : -1;
    }
  } catch (thrown) {
    if (!(thrown instanceof ConnectError) || thrown.code !== Code.NotFound) throw thrown;
    return { exitCode: 127, out, err: thrown.rawMessage };
  }
  return { exitCode, out, err };
}
