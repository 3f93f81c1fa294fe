/** Which cgroup hierarchies this host has: v1, v2, or the two side by side. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { runtimeFaults } from "./faults";

export type Controller = "memory" | "cpu" | "pids";

export type CgroupLayout = {
  /** Mount point of v2, with or without controllers: it freezes, kills and tells of ends. */
  readonly v2: string | undefined;
  /** Mount points of the v1 controllers that v2 does not have. */
  readonly v1: ReadonlyMap<string, string>;
  /** True when v2 holds all the controllers we need. */
  readonly unified: boolean;
};

const NEEDED: readonly Controller[] = ["memory", "cpu", "pids"];

/** Pure. `mountinfo` as of proc(5), `v2Controllers` the words of v2's `cgroup.controllers`.
 * @throws Fault `runtime_no_cgroups` naming the controllers that are nowhere */
export function parseCgroupLayout(mountinfo: string, v2Controllers: (at: string) => readonly string[]): CgroupLayout {
  let v2: string | undefined;
  const v1 = new Map<string, string>();
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    const at = left?.split(" ")[4];
    const [type, , options] = right?.split(" ") ?? [];
    if (at === undefined) continue;
    if (type === "cgroup2") v2 ??= at;
    if (type === "cgroup") for (const word of options?.split(",") ?? []) if (!v1.has(word)) v1.set(word, at);
  }
  const inV2 = v2 === undefined ? [] : v2Controllers(v2);
  const unified = NEEDED.every((controller) => inV2.includes(controller));
  const missing = unified ? [] : NEEDED.filter((controller) => !v1.has(controller));
  if (missing.length > 0) throw runtimeFaults.no_cgroups({ missing: missing.join(", ") });
  return { v2, v1: unified ? new Map() : v1, unified };
}

/** @param of.forceV1 leaves a v2 hierarchy alone as if only v1 were mounted */
export async function readCgroupLayout(of: { forceV1?: boolean } = {}): Promise<CgroupLayout> {
  const mountinfo = await readFile("/proc/self/mountinfo", "utf8");
  const v2At = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(mountinfo)?.[1];
  const words = v2At === undefined ? "" : await readFile(join(v2At, "cgroup.controllers"), "utf8").catch(() => "");
  const layout = parseCgroupLayout(mountinfo, () => words.trim().split(" "));
  return of.forceV1 === true ? { ...layout, v2: undefined } : layout;
}
