/** What became of a sandbox's newest connections; kept in memory, for its owner to read. Never holds a header or a value. */
import { limits } from "./limits";

export type Flow = {
  readonly atMs: number;
  protocol: "tls" | "http" | "tcp";
  /** As the sandbox named it; a stranger's text, cut. */
  host: string | undefined;
  /** What the sandbox dialled. */
  readonly address: string;
  readonly port: number;
  verdict: "allowed" | "denied";
  reason: string;
  /** Whether its requests were rewritten. */
  isTransformed: boolean;
  sentBytes: number;
  receivedBytes: number;
  endedAtMs: number | undefined;
};

export class FlowLog {
  #flows: Flow[] = [];

  add(of: Pick<Flow, "atMs" | "address" | "port"> & Partial<Flow>): Flow {
    const flow: Flow = {
      protocol: "tcp",
      host: undefined,
      verdict: "denied",
      reason: "undecided",
      isTransformed: false,
      sentBytes: 0,
      receivedBytes: 0,
      endedAtMs: undefined,
      ...of,
    };
    this.#flows.push(flow);
    // Cut in strides, so that a flood costs little.
    if (this.#flows.length > limits.logEntries * 1.25) this.#flows = this.#flows.slice(-limits.logEntries);
    return flow;
  }

  /** Newest first. */
  newest(limit: number): readonly Flow[] {
    const kept = this.#flows.slice(-limits.logEntries);
    return kept.slice(limit > 0 ? -limit : 0).reverse();
  }
}
