/** Sends a file of the host into the machine, through envd's own door for files. */
import { limits } from "../limits";

const ENVD_PORT = 49_983;

/** @throws Error when envd does not take it, the signal's reason when aborted */
export async function uploadToGuest(
  of: { address: string; hostPath: string; guestPath: string },
  signal: AbortSignal,
): Promise<void> {
  const query = new URLSearchParams({ path: of.guestPath, username: "root" });
  const answer = await fetch(`http://${of.address}:${ENVD_PORT}/files?${query}`, {
    method: "POST",
    keepalive: false,
    redirect: "manual",
    headers: { "Content-Type": "application/octet-stream" },
    body: Bun.file(of.hostPath),
    signal: AbortSignal.any([signal, AbortSignal.timeout(limits.uploadMs)]),
  });
  await answer.body?.cancel();
  if (answer.status === 507) throw new Error("the template's disk is full");
  if (!answer.ok) throw new Error(`the sandbox did not take the files (${answer.status})`);
}
