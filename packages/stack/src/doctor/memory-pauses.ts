/** Whether sandboxes can be paused with their memory on this host. */
import { tryRun } from "@sandlot/host";
import { SOURCE_BY_HAND } from "../criu/build-criu";
import { CRIU_FLOOR, type Criu, findCriu, lastFailure } from "../criu/find-criu";
import { type Finding, good, note } from "./finding";

/** The node's own proof, a real dump and restore, is told by `status`. */
export async function judgeMemoryPauses(): Promise<Finding> {
  const criu = await findCriu();
  const check = criu === undefined ? undefined : await tryRun([criu.path, "check"]);
  return judgeCriu({ criu, check, failure: lastFailure() });
}

const LOST = "sandboxes are paused with their files only; forks, snapshots and warm templates with memory are refused";

/** Pure. */
export function judgeCriu(of: {
  criu: Criu | undefined;
  check: { exitCode: number; stdout: string; stderr: string } | undefined;
  failure: string | undefined;
}): Finding {
  const { criu, check, failure } = of;
  if (criu === undefined) {
    const cure = `./sandlot up, with a mirror of Debian in apt's sources, or the source put at ${SOURCE_BY_HAND}`;
    if (failure === undefined) return note("memory pauses", `CRIU ${CRIU_FLOOR} is not here yet; up installs it`);
    return note("memory pauses", `no CRIU ${CRIU_FLOOR} could be had (${failure}): ${LOST}`, cure);
  }
  const what = `CRIU ${criu.version} of ${criu.origin}`;
  if (check?.exitCode === 0) return good("memory pauses", `${what} works with this kernel`);
  const why = (check?.stderr || check?.stdout || "").trim().split("\n").at(-1);
  return note("memory pauses", `${what} lacks something of this kernel (${why}): ${LOST}`, `${criu.path} check --all`);
}
