/** What on this host stops sandboxes from working although everything of ours runs. */
import { probeNetwork } from "@sandlot/network";

/** One line each, the cure in it; empty on a host that cannot be looked at. Costs some 30 ms. */
export async function findHostWarnings(): Promise<readonly string[]> {
  return await probeNetwork().then(
    ({ problems }) => problems,
    () => [],
  );
}
