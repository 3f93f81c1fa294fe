/** docs/reference/faults.md from every fault table in the tree. Used by generate-reference.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { declaredFaults, Fault } from "@sandlot/faults";
import { httpStatusOf, toConnect } from "@sandlot/faults/wire";
import { Glob } from "bun";
import { table } from "./table";

export async function faultsPage(root: string): Promise<string> {
  const files = [...new Glob("packages/**/src/**/*.ts").scanSync({ cwd: root })].sort();
  const declaring = files.filter(
    (path) =>
      !/node_modules|\.test\.ts$/.test(path) && readFileSync(join(root, path), "utf8").includes("= defineFaults("),
  );
  for (const path of declaring) await import(join(root, path));
  const faults = declaredFaults().sort((a, b) => (a.code < b.code ? -1 : 1));
  const rows = faults.map(({ code, kind, say }) => {
    const rpc = toConnect(new Fault({ code, kind, message: "", facts: {} })).code;
    return [`\`${code}\``, kind, String(httpStatusOf(kind)), String(CONNECT_NAMES[rpc] ?? rpc), sample(say)];
  });
  return `# Faults

Every failure the code plans for. \`error_code\` of a JSON answer is the code; it never changes, texts may. \`{…}\` stands for a
fact. Anything that is not in this table is a bug and is answered as a bare 500.

${table(["code", "kind", "HTTP", "Connect", "text"], rows)}`;
}

/** By the numbers of gRPC. */
const CONNECT_NAMES: Readonly<Record<number, string>> = {
  3: "invalid_argument",
  4: "deadline_exceeded",
  5: "not_found",
  6: "already_exists",
  7: "permission_denied",
  8: "resource_exhausted",
  9: "failed_precondition",
  12: "unimplemented",
  13: "internal",
  14: "unavailable",
  16: "unauthenticated",
};

/** What it says, with the names of its facts where the facts go. */
function sample(say: (facts: Readonly<Record<string, unknown>>) => string): string {
  const named = new Proxy({}, { get: (_, name) => placeholder(String(name)) });
  try {
    return String(say(named))
      .replace(/undefined|NaN/g, "…")
      .replace(/[<>]/g, (mark) => (mark === "<" ? "&lt;" : "&gt;"));
  } catch {
    return "";
  }
}

/** A fact that stands for itself, whatever the text does with it: joins, cuts, counts. */
function placeholder(name: string): unknown {
  return new Proxy(() => undefined, {
    get: (_, key) => {
      if (key === Symbol.toPrimitive || key === "toString" || key === "valueOf") return () => `{${name}}`;
      if (key === "length") return 1;
      return key === Symbol.iterator ? undefined : placeholder(name);
    },
    apply: () => `{${name}}`,
  });
}
