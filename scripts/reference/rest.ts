/** docs/reference/rest.md and the README's list of what is not there, from spec/openapi.yml. Used by generate-reference.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { table } from "./table";

type Operation = { operationId: string; summary?: string; tags?: string[]; responses: Record<string, unknown> };
type Route = Operation & { readonly method: string; readonly path: string };

const METHODS = ["get", "post", "put", "patch", "delete"];

function routes(root: string): Route[] {
  const spec = parse(readFileSync(join(root, "spec/openapi.yml"), "utf8")) as {
    paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(spec.paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([method]) => METHODS.includes(method))
      .map(([method, operation]) => ({ ...operation, path, method: method.toUpperCase() })),
  );
}

/** The contract says of itself what is only declared: its good answer is written down, and 501 beside it. */
const isServed = (route: Route): boolean => !("501" in route.responses);

export function restPage(root: string): string {
  const all = routes(root);
  const served = all.filter(isServed).length;
  const rows = all.map((route) => [
    `\`${route.method} ${route.path}\``,
    isServed(route) ? "yes" : "501",
    route.summary ?? "",
  ]);
  return `# REST operations

${served} of ${all.length} are served; the others answer 501 with \`error_code\` after their credentials were checked. The contract is
[spec/openapi.yml](../../spec/openapi.yml).

${table(["operation", "served", "what"], rows)}`;
}

/** One row per group of operations that answer 501, each operation once whatever its versions. */
export function notThereTable(root: string): string {
  const groups = new Map<string, Set<string>>();
  for (const route of routes(root).filter((each) => !isServed(each))) {
    const group = route.tags?.[0] ?? "other";
    groups.set(group, (groups.get(group) ?? new Set()).add(inWords(route.operationId)));
  }
  const rows = [...groups].map(([group, names]) => [group, [...names].join(", ")]);
  return table(["area", "operations that answer 501"], rows);
}

/** `createSandboxSnapshotV2` reads "create sandbox snapshot". */
const inWords = (id: string): string =>
  id
    .replace(/V\d+$/, "")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
