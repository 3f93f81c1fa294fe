import { openJailedSocket } from "../src/jail/jailed-socket";
import { placesOf } from "../src/journal";

/** Asks the fake, past what it answers as Firecracker. */
export async function jailedRequest(of: {
  machinesDir: string;
  machineId: string;
  what: string;
  body: object;
}): Promise<Record<string, unknown>> {
  using socket = openJailedSocket(placesOf(of.machinesDir, of.machineId).root, "/run/api.sock");
  const answer = await fetch(`http://localhost/fake/${of.what}`, {
    unix: socket.path,
    method: "POST",
    keepalive: false,
    body: JSON.stringify(of.body),
    signal: AbortSignal.timeout(5000),
  });
  return (await answer.json()) as Record<string, unknown>;
}
