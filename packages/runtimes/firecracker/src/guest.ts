/** Sessions with a guest: opened when wanted, closed when idle, since a guest takes one at a time and two nodes may want one. */
import { type AgentStream, connectAgent, type GuestAgent } from "@sandlot/runtime-microvm";
import { connectVsock } from "./agent-stream";
import { limits } from "./limits";

export type WithAgent = <T>(work: (agent: GuestAgent) => Promise<T>, of?: SessionOf) => Promise<T>;

type SessionOf = {
  /** For the connection and the first answer. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
};

/** @param root what the machine's Firecracker sees as `/` */
export function agentOf(root: string): WithAgent {
  return async (work, { withinMs = limits.agentMs, signal } = {}) => {
    const connect = (until: AbortSignal): Promise<AgentStream> => connectVsock(root, until);
    const late = AbortSignal.timeout(withinMs + limits.agentMs);
    const until = signal === undefined ? late : AbortSignal.any([signal, late]);
    await using agent = await connectAgent({ connect, withinMs, answerMs: limits.agentMs }, until);
    return await work(agent);
  };
}
