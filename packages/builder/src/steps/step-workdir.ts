/** WORKDIR: where later commands start. What of the path is missing is made, and belongs to the step's user. */
import { posix } from "node:path";
import { builderFaults } from "../faults";
import { runScript, sayProblem } from "../guest/script";
import type { StepDone, StepParts } from "./step-parts";

const SCRIPT = `set -eu
path=$1 user=$2
[ -d "$path" ] && exit 0
top=$path
while [ ! -e "$(dirname "$top")" ]; do top=$(dirname "$top"); done
mkdir -p "$path"
chown -R "$user:$(id -gn "$user")" "$top"
echo made`;

export async function workdirStep(parts: StepParts, args: readonly string[]): Promise<StepDone> {
  const [wanted = ""] = args;
  if (wanted === "") throw builderFaults.step_arguments({ why: "WORKDIR requires a path" });
  const path = resolveWorkdir(wanted, parts.context.workdir);
  const ended = await runScript(
    { address: parts.address, script: SCRIPT, args: [path, parts.context.user] },
    parts.signal,
  );
  if (ended.problem !== undefined) throw builderFaults.workdir_failed({ path, why: sayProblem(ended) });
  return { context: { ...parts.context, workdir: path }, hasChangedDisk: ended.stdout.includes("made") };
}

/** Absolute and clean, without a slash at its end. */
export function resolveWorkdir(wanted: string, current: string | undefined): string {
  const path = posix.resolve("/", current ?? "/", wanted);
  return path;
}
