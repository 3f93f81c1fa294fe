/** USER: makes the account where it is missing; `true` as second argument gives it sudo without a password. */
import { builderFaults } from "../faults";
import { runScript, sayProblem } from "../guest/script";
import type { StepDone, StepParts } from "./step-parts";

/** Says `made` when the disk is not what it was. Distributions differ in how accounts are made. */
const SCRIPT = `set -eu
name=$1 sudo=$2 made=
if ! id -u "$name" >/dev/null 2>&1; then
  shell=/bin/bash; [ -x "$shell" ] || shell=/bin/sh
  if command -v useradd >/dev/null 2>&1; then useradd -m -s "$shell" "$name"
  elif command -v adduser >/dev/null 2>&1; then adduser -D -s "$shell" "$name"
  else echo "neither useradd nor adduser is installed" >&2; exit 1; fi
  made=yes
fi
if [ "$sudo" = true ] && [ "$(id -u "$name")" != 0 ] && [ ! -e "/etc/sudoers.d/sandlot-$name" ]; then
  for group in sudo wheel; do
    grep -q "^$group:" /etc/group || continue
    if command -v usermod >/dev/null 2>&1; then usermod -aG "$group" "$name"; else addgroup "$name" "$group"; fi
  done
  passwd -d "$name" >/dev/null 2>&1 || true
  mkdir -p /etc/sudoers.d
  printf '%s ALL=(ALL:ALL) NOPASSWD:ALL\\n' "$name" > "/etc/sudoers.d/sandlot-$name"
  chmod 0440 "/etc/sudoers.d/sandlot-$name"
  made=yes
fi
[ -z "$made" ] || echo made`;

export async function userStep(parts: StepParts, args: readonly string[]): Promise<StepDone> {
  const [wanted = "", sudo] = args;
  // A Dockerfile may name a group behind the user; a sandbox's commands run with the groups the user has.
  const user = wanted.split(":")[0] ?? "";
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}\$?$/.test(user)) {
    throw builderFaults.step_arguments({ why: `USER requires the name of a user, got '${wanted.slice(0, 80)}'` });
  }
  const ended = await runScript(
    { address: parts.address, script: SCRIPT, args: [user, sudo?.toLowerCase() === "true" ? "true" : ""] },
    parts.signal,
  );
  if (ended.problem !== undefined) throw builderFaults.user_failed({ user, why: sayProblem(ended) });
  return { context: { ...parts.context, user }, hasChangedDisk: ended.stdout.includes("made") };
}
