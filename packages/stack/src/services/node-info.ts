/** What this installation's node says of itself. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InfoService } from "@sandlot/contracts/info";

export type MemoryPauses = { readonly works: boolean; readonly problem: string };

const WITHIN_MS = 2_000;

/** Whether sandboxes can be paused with their memory, proven by the node at its start. Undefined when it does not answer. */
export async function readMemoryPauses(grpcPort: number): Promise<MemoryPauses | undefined> {
  const transport = createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}`, defaultTimeoutMs: WITHIN_MS });
  const info = await createClient(InfoService, transport)
    .serviceInfo({})
    .catch(() => undefined);
  return info === undefined ? undefined : { works: info.memorySnapshots, problem: info.memorySnapshotsProblem };
}
