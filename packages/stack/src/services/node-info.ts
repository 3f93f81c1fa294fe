/** What this installation's node says of itself. */
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InfoService, type ServiceInfoResponse } from "@sandlot/contracts/info";

export type MemoryPauses = { readonly works: boolean; readonly problem: string };

export type NodeRuntime = {
  readonly name: string;
  /** One line: what lies between a sandbox and this host, and what runs it. */
  readonly isolation: string;
  /** `kvm`, `tcg` (software), or empty for what is no virtual machine. */
  readonly acceleration: string;
  /** Of the guest; empty where it is the host's. */
  readonly kernelVersion: string;
  readonly memoryPauses: MemoryPauses;
  /** Whether a trial machine has shown what is said here. */
  readonly isProven: boolean;
  readonly problems: readonly string[];
};

export type NodeSays = {
  /** Of what sandboxes run on where nobody says otherwise. */
  readonly memoryPauses: MemoryPauses;
  /** The default first. */
  readonly runtimes: readonly NodeRuntime[];
  /** What was decided about them, and why. */
  readonly notes: readonly string[];
};

const WITHIN_MS = 2_000;

export function nodeTransport(grpcPort: number, withinMs = WITHIN_MS) {
  return createGrpcTransport({ baseUrl: `http://127.0.0.1:${grpcPort}`, defaultTimeoutMs: withinMs });
}

/** Undefined when it does not answer. */
export async function readNode(grpcPort: number): Promise<NodeSays | undefined> {
  const info = await createClient(InfoService, nodeTransport(grpcPort))
    .serviceInfo({})
    .catch(() => undefined);
  return info && toSays(info);
}

function toSays(info: ServiceInfoResponse): NodeSays {
  return {
    memoryPauses: { works: info.memorySnapshots, problem: info.memorySnapshotsProblem },
    runtimes: info.runtimes.map((one) => ({
      name: one.name,
      isolation: one.isolation,
      acceleration: one.acceleration,
      kernelVersion: one.kernelVersion,
      memoryPauses: { works: one.memorySnapshots, problem: one.memorySnapshotsProblem },
      isProven: one.probed,
      problems: one.problems,
    })),
    notes: info.runtimeNotes,
  };
}
