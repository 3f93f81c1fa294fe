/** ENV and ARG: variables for later steps, for the start command and for child templates; not for commands run later. */
import { builderFaults } from "../faults";
import { runScript, sayProblem } from "../guest/script";
import type { StepDone, StepParts } from "./step-parts";
import { withStandardDirs } from "./step-run";

export async function envStep(parts: StepParts, args: readonly string[], type: string): Promise<StepDone> {
  if (args.length === 0) throw builderFaults.step_arguments({ why: `${type} does not support passing no arguments` });
  if (args.length % 2 !== 0) {
    throw builderFaults.step_arguments({ why: `${type} requires both a key and value arguments` });
  }
  const pairs: [string, string][] = [];
  for (let at = 0; at < args.length; at += 2) pairs.push([args[at] ?? "", args[at + 1] ?? ""]);
  for (const [name] of pairs) {
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
      throw builderFaults.step_arguments({ why: `${type}: '${name.slice(0, 80)}' is no name of a variable` });
  }
  const values = await expand(
    parts,
    pairs.map(([, value]) => value),
  );
  const added = Object.fromEntries(pairs.map(([name], at) => [name, values[at] ?? ""]));
  return { context: { ...parts.context, envs: { ...parts.context.envs, ...added } }, hasChangedDisk: false };
}

/** `$NAME` and `${NAME}` as root's shell knows them; all else stays as it is written. */
async function expand(parts: StepParts, values: readonly string[]): Promise<readonly string[]> {
  if (!values.some((value) => VARIABLE.test(value))) return values;
  const words = values.map((value) => shellWord(value)).join(" ");
  // Base64 keeps line ends inside a value apart from those between values.
  const script = `for value in ${words}; do printf %s "$value" | base64 | tr -d '\\n'; echo; done`;
  const ended = await runScript(
    { address: parts.address, script, envs: withStandardDirs(parts.context.envs) },
    parts.signal,
  );
  if (ended.problem !== undefined) throw builderFaults.env_failed({ why: sayProblem(ended) });
  const lines = ended.stdout.split("\n");
  return values.map((_, at) => Buffer.from(lines[at] ?? "", "base64").toString("utf8"));
}

const VARIABLE = /\$(?:[A-Za-z_][A-Za-z0-9_]*|\{[A-Za-z_][A-Za-z0-9_]*\})/;

/** One double-quoted word of the shell in which only variables mean anything. */
export function shellWord(value: string): string {
  const parts = value.split(new RegExp(`(${VARIABLE.source})`));
  const kept = parts.map((part, at) => (at % 2 === 1 ? part : part.replaceAll(/[\\"`$]/g, "\\$&")));
  return `"${kept.join("")}"`;
}
