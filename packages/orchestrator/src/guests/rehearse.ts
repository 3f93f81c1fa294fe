/** What a claimed machine does first, done once before anyone waits for it: its code is then compiled, its files cached. */
import { limits } from "../limits";
import { ENVD_PORT } from "./envd-door";
import type { Guest } from "./guest";

/**
 * Gives envd what is the same for every sandbox of this node, and has it run a login shell that does nothing. The
 * machine is nobody's yet and stays nobody's. Never throws: a machine that cannot rehearse is merely slower.
 */
export async function rehearse(guest: Guest, caBundle: string | undefined, signal: AbortSignal): Promise<void> {
  const init = JSON.stringify({ envVars: {}, ...(caBundle === undefined ? {} : { caBundle }) });
  await post(guest, { path: "/init", type: "application/json", body: init }, signal);
  const command = { cmd: "/bin/bash", args: ["-l", "-c", ":"], envs: {}, cwd: "/" };
  const start = enveloped(JSON.stringify({ process: command, stdin: false }));
  for (let times = 0; times < 2; times += 1)
    await post(guest, { path: "/process.Process/Start", type: "application/connect+json", body: start }, signal);
}

/** One message of a Connect stream: no flags, its length, itself. */
function enveloped(json: string): Uint8Array {
  const bytes = Buffer.from(json);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

async function post(
  guest: Guest,
  of: { path: string; type: string; body: string | Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  try {
    const answer = await fetch(`http://${guest.machine.address}:${ENVD_PORT}${of.path}`, {
      method: "POST",
      keepalive: false,
      redirect: "manual",
      headers: {
        "Content-Type": of.type,
        "Connect-Protocol-Version": "1",
        Authorization: `Basic ${btoa(`${guest.origin.user}:`)}`,
      },
      body: of.body,
      signal: AbortSignal.any([AbortSignal.timeout(limits.rehearsalMs), signal]),
    });
    // A build that was never claimed runs nothing of a user's: what answers is our envd, and says little.
    await answer.arrayBuffer();
  } catch {
    // Said above.
  }
}
