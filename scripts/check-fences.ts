/** Code in documents type-checks: every `ts` and `js` fence, as a program of its own. Called by check.ts. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { packages, ROOT, trackedFiles } from "./check/workspace";

type Fence = { readonly page: string; readonly line: number; readonly file: string; readonly code: string };

export function checkFences(): string[] {
  const files = trackedFiles();
  const homes = packages(files).map(({ folder }) => folder);
  const fences = files.filter((path) => path.endsWith(".md")).flatMap((page) => fencesOf(page, homes));
  console.log(`fences: ${fences.length} programs in documents`);
  const program = programOf(fences);
  return fences.flatMap((fence) => {
    const source = program.getSourceFile(fence.file);
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    return found.map(({ start = 0, messageText }) => {
      const line = fence.line + (source?.getLineAndCharacterOfPosition(start).line ?? 0);
      return `${fence.page}:${line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
    });
  });
}

/** A page of a package is read as if it lay in that package; any other as a client's program, in `tests`. */
function fencesOf(page: string, homes: readonly string[]): Fence[] {
  const text = readFileSync(join(ROOT, page), "utf8");
  const home = homes.find((folder) => dirname(page) === folder || page.startsWith(`${folder}/`)) ?? "tests";
  return [...text.matchAll(/^```(?:ts|js|typescript|javascript|mjs)\n([\s\S]*?)^```/gm)].map((match, at) => ({
    page,
    line: text.slice(0, match.index).split("\n").length + 1,
    file: join(ROOT, home, `fence-${page.replace(/\W/g, "-")}-${at}.ts`),
    code: `${match[1] ?? ""}\nexport {};\n`,
  }));
}

function programOf(fences: readonly Fence[]): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, "tsconfig.json"), ts.sys.readFile);
  const { options } = ts.convertCompilerOptionsFromJson(
    { ...config.compilerOptions, lib: undefined, types: ["bun"] },
    ROOT,
  );
  const settings = { ...options, noEmit: true, skipLibCheck: true, typeRoots: [join(ROOT, "node_modules/@types")] };
  const host = ts.createCompilerHost(settings);
  const held = new Map(fences.map(({ file, code }) => [file, code]));
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => held.has(path) || fileExists(path);
  host.readFile = (path) => held.get(path) ?? readFile(path);
  host.getSourceFile = (path, ...rest) => {
    const code = held.get(path);
    return code === undefined ? getSourceFile(path, ...rest) : ts.createSourceFile(path, code, rest[0]);
  };
  return ts.createProgram({ rootNames: [...held.keys()], options: settings, host });
}
