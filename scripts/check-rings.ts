/** Dependencies point inwards, by real imports and by package.json; no cycles; nothing undeclared or unused. Called by check.ts. */
import { dirname, join, normalize } from "node:path";
import { KIT, MAY, USED_OTHERWISE } from "./check/ring-table";
import {
  type Import,
  importsOf,
  isTest,
  type Package,
  packageOf,
  packages,
  parse,
  trackedFiles,
} from "./check/workspace";

const short = (name: string): string => name.replace(/^@sandlot\//, "");

export function checkRings(): string[] {
  const all = packages(trackedFiles());
  const graph = new Map<string, string[]>();
  const problems = all.flatMap((pack) => {
    const imports = new Map(pack.files.map((file) => [file, importsOf(parse(file))]));
    graph.set(pack.name, [...pack.dependencies]);
    return [...rings(pack), ...declared(pack, imports), ...cycles(fileGraph(imports), "modules import in a circle")];
  });
  return [...problems, ...cycles(graph, "packages depend in a circle")];
}

function rings(pack: Package): string[] {
  const name = short(pack.name);
  const may = MAY[name];
  if (may === undefined) return [`${pack.folder} has no row in scripts/check/ring-table.ts`];
  const ours = [...pack.dependencies, ...pack.devDependencies].filter((to) => to.startsWith("@sandlot/")).map(short);
  const isAllowed = (to: string): boolean =>
    may.includes("*") || may.includes(to) || (pack.devDependencies.has(`@sandlot/${to}`) && KIT.includes(to));
  return ours.filter((to) => !isAllowed(to)).map((to) => `${pack.folder} may not depend on ${to}`);
}

/** What is imported is declared, what is declared is imported, and shipped code needs no devDependency. */
function declared(pack: Package, imports: ReadonlyMap<string, readonly Import[]>): string[] {
  const problems: string[] = [];
  const used = new Map<string, "shipped" | "tests">();
  for (const [file, list] of imports) {
    for (const { from, line } of list) {
      if (from.startsWith(".") && leaves(pack, file, from))
        problems.push(`${file}:${line} reaches out of its package: ${from}`);
      const to = packageOf(from);
      if (to === undefined || to === pack.name) continue;
      used.set(to, !isTest(file) || used.get(to) === "shipped" ? "shipped" : "tests");
      const isDeclared = pack.dependencies.has(to) || (isTest(file) && pack.devDependencies.has(to));
      const isTool = pack.folder === "scripts" && pack.devDependencies.has(to);
      if (!isDeclared && !isTool)
        problems.push(`${file}:${line} imports ${to}, which its package.json does not declare`);
    }
  }
  const otherwise = USED_OTHERWISE[short(pack.name)] ?? [];
  for (const to of [...pack.dependencies, ...pack.devDependencies]) {
    if (used.has(to) || otherwise.includes(to) || to.startsWith("@types/") || isGenerated(pack, to)) continue;
    problems.push(`${pack.folder}/package.json declares ${to}, which nothing imports`);
  }
  if (pack.folder.startsWith("packages/")) {
    for (const to of pack.dependencies) {
      if (used.get(to) === "tests") problems.push(`${pack.folder}: only tests use ${to}; make it a devDependency`);
    }
  }
  return problems;
}

/** Generated code is not read here; it imports its own runtime. */
const isGenerated = (pack: Package, to: string): boolean =>
  (short(pack.name) === "contracts" && to === "@bufbuild/protobuf") ||
  (short(pack.name) === "db" && to === "@pgtyped/runtime");

/** Build recipes share what lies beside the executables' folders. */
const leaves = (pack: Package, file: string, from: string): boolean => {
  const to = normalize(join(dirname(file), from));
  const isRecipe = /^apps\/[^/]+\/build\.ts$/.test(file) && dirname(to) === "apps";
  return !to.startsWith(`${pack.folder}/`) && !isRecipe && pack.folder !== "scripts";
};

/** Imports that are there at run time; a type may look back. */
function fileGraph(imports: ReadonlyMap<string, readonly Import[]>): Map<string, string[]> {
  const resolve = (file: string, from: string): string | undefined => {
    const to = normalize(join(dirname(file), from));
    return [to, `${to}.ts`, `${to}/index.ts`].find((path) => imports.has(path));
  };
  return new Map(
    [...imports].map(([file, list]) => [
      file,
      list
        .filter(({ from, isTypeOnly }) => from.startsWith(".") && !isTypeOnly)
        .flatMap(({ from }) => resolve(file, from) ?? []),
    ]),
  );
}

function cycles(graph: ReadonlyMap<string, readonly string[]>, what: string): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const walk = (node: string, path: readonly string[]): void => {
    const at = path.indexOf(node);
    if (at >= 0) found.push(`${what}: ${[...path.slice(at), node].join(" → ")}`);
    if (at >= 0 || done.has(node)) return;
    for (const next of graph.get(node) ?? []) walk(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) walk(node, []);
  return found;
}
