/** docs/reference/config.md from each service's own reader. Used by generate-reference.ts. */
import { hostname } from "node:os";
import { join } from "node:path";
import type { ConfigEntry } from "@sandlot/config";
import ts from "typescript";
import { table } from "./table";

type Load = (env: Readonly<Record<string, string | undefined>>, seen: ConfigEntry[]) => unknown;

const SERVICES = [
  { name: "api", file: "packages/api/src/config.ts", types: "packages/api/src/config.ts", load: "loadApiConfig" },
  {
    name: "orchestrator",
    file: "packages/orchestrator/src/config.ts",
    types: "packages/orchestrator/src/config.ts",
    load: "loadOrchestratorConfig",
  },
  {
    name: "client-proxy",
    file: "packages/client-proxy/src/config.ts",
    types: "packages/client-proxy/src/config.ts",
    load: "loadClientProxyConfig",
  },
  {
    name: "docker-reverse-proxy",
    file: "packages/docker-reverse-proxy/src/config.ts",
    types: "packages/docker-reverse-proxy/src/config.ts",
    load: "dockerReverseProxyConfig",
  },
  {
    name: "code-interpreter",
    file: "packages/code-interpreter/src/config.ts",
    types: "packages/code-interpreter/src/config.ts",
    load: "codeInterpreterConfig",
  },
  { name: "envd", file: "packages/envd/src/config.ts", types: "packages/envd/src/envd.ts", load: "envdConfig" },
] as const;

export async function configPage(root: string): Promise<string> {
  const sections = await Promise.all(SERVICES.map((service) => section(root, service)));
  return `# Configuration of the services

Read once, from the environment, when a service starts; whatever is wrong is said in one go. An empty value counts as absent. On
one machine \`./sandlot up\` sets all of this, and its [flags](cli.md) are what a person changes.

${sections.join("\n\n")}`;
}

async function section(root: string, service: (typeof SERVICES)[number]): Promise<string> {
  const module = (await import(join(root, service.file))) as Record<string, (...args: unknown[]) => unknown>;
  const seen: ConfigEntry[] = [];
  const load = module[service.load];
  try {
    if (service.load === "envdConfig") load?.({}, 49983, seen);
    else (load as Load)({}, seen);
  } catch {
    // Required ones are missing here, of course; the reader has named every variable by then.
  }
  if (seen.length === 0) throw new Error(`${service.file} named no variable`);
  const says = meanings(root, service);
  const rows = seen.map(({ name, kind, fallback }) => [
    `\`${name}\``,
    kind,
    shown(fallback, kind),
    says.get(name) ?? "",
  ]);
  return `## ${service.name}\n\n${table(["variable", "kind", "default", "what"], rows)}`;
}

function shown(fallback: string | undefined, kind: string): string {
  if (fallback === hostname()) return "the host's name";
  if (fallback !== undefined) return fallback === "" ? "empty" : `\`${fallback}\``;
  return kind.includes("optional") ? "" : "**required**";
}

/** The docstring of the field that a variable is read into. */
function meanings(root: string, { file, types }: (typeof SERVICES)[number]): Map<string, string> {
  const docs = new Map<string, string>();
  const fields = new Map<string, string>();
  const visit = (node: ts.Node): void => {
    if (ts.isPropertySignature(node)) docs.set(node.name.getText(), docOf(node));
    if (ts.isPropertyAssignment(node)) {
      const variable = /read\.\w+(?:<[^>]*>)?\("(\w+)"/.exec(node.initializer.getText())?.[1];
      if (variable !== undefined && !ts.isObjectLiteralExpression(node.initializer))
        fields.set(variable, node.name.getText());
    }
    ts.forEachChild(node, visit);
  };
  for (const path of new Set([file, types])) {
    const text = ts.sys.readFile(join(root, path)) ?? "";
    visit(ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true));
  }
  return new Map([...fields].map(([variable, field]) => [variable, docs.get(field) ?? ""]));
}

function docOf(node: ts.Node): string {
  return ts
    .getJSDocCommentsAndTags(node)
    .map((doc) => ts.getTextOfJSDocComment(doc.comment) ?? "")
    .join(" ");
}
