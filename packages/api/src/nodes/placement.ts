/** Which node gets the next sandbox: the least loaded of a few at random. Pure. */

export type Candidate = {
  readonly nodeId: string;
  readonly cpuCount: number;
  /** vCPUs promised to its sandboxes. */
  readonly allocatedCpu: number;
  /** Starts under way there. */
  readonly starting: number;
};

/**
 * @param choices how many to draw; drawing few keeps several replicas from all picking the same node
 * @param random from 0 up to, but not with, 1
 */
export function pickNode<C extends Candidate>(of: {
  candidates: readonly C[];
  cpuCount: number;
  choices: number;
  random: () => number;
}): C | undefined {
  const rest = [...of.candidates];
  const drawn: C[] = [];
  while (drawn.length < of.choices && rest.length > 0) {
    drawn.push(...rest.splice(Math.floor(of.random() * rest.length), 1));
  }
  const load = (c: C): number => (c.allocatedCpu + (c.starting + 1) * of.cpuCount) / Math.max(c.cpuCount, 1);
  return drawn.toSorted((a, b) => load(a) - load(b))[0];
}
