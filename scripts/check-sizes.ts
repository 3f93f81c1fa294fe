/** How large files and functions are, per package: a report, not a gate, so that growth is seen early. Called by check.ts. */
import ts from "typescript";
import { isTest, lineOf, packages, parse, trackedFiles } from "./check/workspace";

const TAIL_LINES = 400;
const FUNCTION_LINES = 60;

type Long = { readonly path: string; readonly line: number; readonly name: string; readonly lines: number };

/** Never finds a problem: it prints. */
export function checkSizes(): string[] {
  const rows: string[] = [];
  const long: Long[] = [];
  for (const { folder, files } of packages(trackedFiles())) {
    const shipped = files.filter((path) => !isTest(path)).map((path) => ({ path, source: parse(path) }));
    if (shipped.length === 0) continue;
    const sizes = shipped.map(({ source }) => source.getLineStarts().length - 1).sort((a, b) => a - b);
    long.push(...shipped.flatMap(({ path, source }) => longFunctions(path, source)));
    rows.push(row(folder, sizes));
  }
  const head = `${"lines of hand-written code, tests apart".padEnd(40)}files  total  median   90th  largest  in files > ${TAIL_LINES}`;
  console.log([head, ...rows].join("\n"));
  console.log(`functions over ${FUNCTION_LINES} lines: ${long.length}`);
  for (const { path, line, name, lines } of long.sort((a, b) => b.lines - a.lines))
    console.log(`  ${String(lines).padStart(4)}  ${name}  ${path}:${line}`);
  return [];
}

function row(folder: string, sizes: readonly number[]): string {
  const total = sum(sizes);
  const at = (share: number): number => sizes[Math.min(sizes.length - 1, Math.floor(sizes.length * share))] ?? 0;
  const tail = total === 0 ? 0 : (100 * sum(sizes.filter((lines) => lines > TAIL_LINES))) / total;
  const cells = [sizes.length, total, at(0.5), at(0.9), sizes.at(-1) ?? 0].map((cell) => String(cell).padStart(7));
  return `${folder.padEnd(38)}${cells.join("")}${`${tail.toFixed(0)} %`.padStart(12)}`;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, next) => total + next, 0);

function longFunctions(path: string, source: ts.SourceFile): Long[] {
  const found: Long[] = [];
  const visit = (node: ts.Node): void => {
    if (isFunction(node) && node.body !== undefined) {
      const end = source.getLineAndCharacterOfPosition(node.end).line + 1;
      const lines = end - lineOf(source, node) + 1;
      if (lines > FUNCTION_LINES) found.push({ path, line: lineOf(source, node), name: nameOf(node), lines });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isFunction(node: ts.Node): node is ts.FunctionLikeDeclaration {
  return (
    ts.isFunctionDeclaration(node) ||
    ts.isMethodDeclaration(node) ||
    ts.isArrowFunction(node) ||
    ts.isFunctionExpression(node)
  );
}

function nameOf(node: ts.FunctionLikeDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  return ts.isVariableDeclaration(node.parent) || ts.isPropertyAssignment(node.parent)
    ? node.parent.name.getText()
    : "(unnamed)";
}
