/** What makes a sandbox's machine, and who has a say in it: its creator, its template, the installation. */
import { sandboxFaults } from "./faults";

export type RuntimeName = "container" | "qemu" | "firecracker";

/** In the order in which they are tried where nobody says which. */
export const RUNTIME_NAMES: readonly RuntimeName[] = ["container", "qemu", "firecracker"];

/** A creator's say: a key of the sandbox's metadata, since stock clients have no field of their own for it. */
export const RUNTIME_METADATA_KEY = "sandlot.runtime";

export function isRuntimeName(text: string): text is RuntimeName {
  return RUNTIME_NAMES.some((name) => name === text);
}

/**
 * What a new sandbox may run on, the best first.
 * @param of.template what its template is set to; undefined: nothing
 * @param of.build what its build was made for
 * @param of.offered what nodes offer that are ready, in their order; empty when none is: placing says so then
 * @throws Fault `sandbox_bad_runtime`, `sandbox_runtime_not_built`, `sandbox_runtime_not_offered`
 */
export function chooseRuntimes(of: {
  metadata: Readonly<Record<string, string>>;
  template: readonly RuntimeName[] | undefined;
  build: readonly RuntimeName[];
  offered: readonly RuntimeName[];
}): readonly RuntimeName[] {
  const { metadata, template, build, offered } = of;
  const asked = Object.hasOwn(metadata, RUNTIME_METADATA_KEY) ? metadata[RUNTIME_METADATA_KEY] : undefined;
  if (asked !== undefined && !isRuntimeName(asked)) throw sandboxFaults.bad_runtime({ runtime: asked.slice(0, 40) });
  const wanted = asked === undefined ? template : [asked];
  const built = wanted === undefined ? build : wanted.filter((name) => build.includes(name));
  if (built.length === 0)
    throw sandboxFaults.runtime_not_built({ wanted: (wanted ?? []).join(", "), built: build.join(", ") });
  if (offered.length === 0) return built;
  const here = wanted === undefined ? offered.filter((name) => built.includes(name)) : only(built, offered);
  if (here.length === 0)
    throw sandboxFaults.runtime_not_offered({ wanted: built.join(", "), offered: offered.join(", ") });
  return here;
}

function only(names: readonly RuntimeName[], offered: readonly RuntimeName[]): RuntimeName[] {
  return names.filter((name) => offered.includes(name));
}
