/** What an installation has left on its host: found by its tag and its data directory, never by asking its services. */
import { join } from "node:path";
import { readProcessStat } from "@sandlot/linux";
import { list, readLink, readText } from "./reads";
import { tryRun } from "./spawn";

export type Residue = { readonly kind: ResidueKind; readonly name: string };
export type ResidueKind = "process" | "mount" | "namespace" | "link" | "cgroup" | "nft table" | "loop device";

/**
 * Everything that carries the tag or lies below `dataDir`. Costs tens of milliseconds; reads only.
 * Names follow docs: links `sl<tag>…`, namespaces and cgroups `sandlot-<tag>…`, table `inet sandlot_<tag>`.
 */
export async function findResidue(of: { tag: string; dataDir?: string }): Promise<Residue[]> {
  const [links, tables, loops] = await Promise.all([findLinks(of.tag), findTables(of.tag), findLoops(of.dataDir)]);
  return [
    ...findProcesses(of.tag, of.dataDir),
    ...findMounts(of.tag, of.dataDir),
    ...findNamespaces(of.tag),
    ...links,
    ...findCgroups(of.tag),
    ...tables,
    ...loops,
  ];
}

/** Programs of ours: somebody's editor in the data directory is not residue. */
const PROGRAMS = new Set([
  "launcher",
  "init",
  "orchestrator",
  "api",
  "client-proxy",
  "lxcfs",
  "postgres",
  "redis-server",
  "bun",
]);

/**
 * Processes in the tag's cgroups, and our programs that run in, or were told of, the data directory; this process and
 * its parents apart.
 */
function findProcesses(tag: string, dataDir: string | undefined): Residue[] {
  const own = ancestry();
  return list("/proc")
    .filter((name) => /^\d+$/.test(name) && !own.has(Number(name)))
    .flatMap((pid) => {
      const args = readText(`/proc/${pid}/cmdline`);
      if (args === "") return []; // kernel threads and zombies
      const isGuest = readText(`/proc/${pid}/cgroup`).includes(`/sandlot-${tag}/`);
      const isOurs = isGuest || (dataDir !== undefined && isProgramOf(pid, args, dataDir));
      return isOurs
        ? [{ kind: "process" as const, name: `${pid} ${args.replaceAll("\0", " ").trim().slice(0, 100)}` }]
        : [];
    });
}

function isProgramOf(pid: string, args: string, dataDir: string): boolean {
  const program = (args.split(/[\0 ]/)[0] ?? "").split("/").at(-1)?.replace(/:$/, "") ?? "";
  // Of the many things Bun may run for a person here, only the supervisor is a remainder.
  if (!PROGRAMS.has(program) || (program === "bun" && !args.includes("\0supervise\0"))) return false;
  if (args.includes(`${dataDir}/`) || args.split("\0").includes(dataDir)) return true;
  return readText(`/proc/${pid}/environ`).includes(`=${dataDir}/`) || isBelow(readLink(`/proc/${pid}/cwd`), dataDir);
}

function ancestry(): Set<number> {
  const seen = new Set<number>([process.pid]);
  for (let pid = process.ppid; pid > 0 && !seen.has(pid); ) {
    seen.add(pid);
    pid = readProcessStat(pid)?.parentPid ?? 0;
  }
  return seen;
}

function findMounts(tag: string, dataDir: string | undefined): Residue[] {
  return readText("/proc/self/mountinfo")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((path) => isBelow(path, dataDir) || path.includes(`/sandlot-${tag}`))
    .map((name) => ({ kind: "mount", name }));
}

function isBelow(path: string, dir: string | undefined): boolean {
  return dir !== undefined && (path === dir || path.startsWith(`${dir}/`));
}

function findNamespaces(tag: string): Residue[] {
  return list("/run/netns")
    .filter((name) => name.startsWith(`sandlot-${tag}-`))
    .map((name) => ({ kind: "namespace", name }));
}

async function findLinks(tag: string): Promise<Residue[]> {
  return list("/sys/class/net")
    .filter((name) => name.startsWith(`sl${tag}`))
    .map((name) => ({ kind: "link", name }));
}

/** Every hierarchy, v1 and v2, has its own tree. */
function findCgroups(tag: string): Residue[] {
  const roots = ["/sys/fs/cgroup", ...list("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  return roots
    .flatMap((root) => list(root).map((name) => join(root, name)))
    .filter((path) => (path.split("/").at(-1) ?? "").startsWith(`sandlot-${tag}`))
    .map((name) => ({ kind: "cgroup", name }));
}

async function findTables(tag: string): Promise<Residue[]> {
  const { stdout } = await tryRun(["nft", "list", "tables"]);
  return stdout
    .split("\n")
    .map((line) => line.replace(/^table /, "").trim())
    .filter((name) => name.split(" ")[1]?.startsWith(`sandlot_${tag}`) === true)
    .map((name) => ({ kind: "nft table", name }));
}

async function findLoops(dataDir: string | undefined): Promise<Residue[]> {
  if (dataDir === undefined) return [];
  return list("/sys/block")
    .filter((name) => name.startsWith("loop"))
    .flatMap((name) => {
      const file = readText(`/sys/block/${name}/loop/backing_file`).trim();
      return isBelow(file, dataDir) ? [{ kind: "loop device" as const, name: `/dev/${name} ${file}` }] : [];
    });
}
