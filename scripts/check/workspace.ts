/** What the checks know of this repository: tracked files, packages, imports. Used by scripts/check-*.ts. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";

export const ROOT = dirname(dirname(import.meta.dir));

export type Package = {
  /** From the root, `packages/kit/faults`. */
  readonly folder: string;
  readonly name: string;
  readonly dependencies: ReadonlySet<string>;
  readonly devDependencies: ReadonlySet<string>;
  /** Hand-written TypeScript and JavaScript, from the root. */
  readonly files: readonly string[];
};

export type Import = { readonly from: string; readonly line: number; readonly isTypeOnly: boolean };

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

/** Tracked and not ignored: what a commit of everything would hold. */
export function trackedFiles(): string[] {
  const ran = Bun.spawnSync(
    ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "--deduplicate"],
    { cwd: ROOT },
  );
  if (ran.exitCode !== 0) throw new Error(`git ls-files failed: ${ran.stderr}`);
  return ran.stdout
    .toString()
    .split("\n")
    .filter((path) => path !== "" && Bun.file(join(ROOT, path)).size > 0);
}

export const isSource = (path: string): boolean => /\.(ts|mjs)$/.test(path) && !/\/gen\/|\.d\.ts$/.test(path);
export const isTest = (path: string): boolean => /\.test\.(ts|mjs)$|\/test\/|^tests\/|\/conformance\.ts$/.test(path);

/** Packages of the workspace, the root apart. */
export function packages(files: readonly string[]): Package[] {
  const folders = files.filter((path) => path.endsWith("/package.json")).map((path) => dirname(path));
  return folders.map((folder) => {
    const manifest = JSON.parse(read(`${folder}/package.json`)) as {
      name: string;
      dependencies?: Record<string, string>;
      devDependencies?: Record<string, string>;
    };
    return {
      folder,
      name: manifest.name,
      dependencies: new Set(Object.keys(manifest.dependencies ?? {})),
      devDependencies: new Set(Object.keys(manifest.devDependencies ?? {})),
      files: files.filter((path) => path.startsWith(`${folder}/`) && isSource(path)),
    };
  });
}

/** The package part of a specifier: `@a/b/c` is `@a/b`. Undefined for relative ones and those of the runtime. */
export function packageOf(specifier: string): string | undefined {
  if (/^(\.|node:|bun:|bun$)/.test(specifier)) return undefined;
  return specifier
    .split("/")
    .slice(0, specifier.startsWith("@") ? 2 : 1)
    .join("/");
}

export function parse(path: string): ts.SourceFile {
  return ts.createSourceFile(path, read(path), ts.ScriptTarget.ESNext, true);
}

/** Every import of a file: static, re-exported, dynamic and type-only. */
export function importsOf(source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (node: ts.Node, from: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (from === undefined || !ts.isStringLiteralLike(from)) return;
    found.push({ from: from.text, isTypeOnly, line: lineOf(source, node) });
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node, node.moduleSpecifier, node.importClause?.isTypeOnly === true || namesOnlyTypes(node));
    } else if (ts.isExportDeclaration(node)) add(node, node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      add(node, node.arguments[0], false);
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add(node, node.argument.literal, true);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function namesOnlyTypes(node: ts.ImportDeclaration): boolean {
  const names = node.importClause?.namedBindings;
  if (node.importClause?.name !== undefined || names === undefined || !ts.isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every((name) => name.isTypeOnly);
}

export function lineOf(source: ts.SourceFile, node: ts.Node): number {
  return source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1;
}
