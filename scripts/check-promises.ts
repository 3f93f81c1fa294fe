/** Every promise of docs/promises.md names a test or bench file that is there, or says "untested". Called by check.ts. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./check/workspace";

const PAGE = "docs/promises.md";
const NAMES_A_FILE = /`?((?:tests|bench|packages|scripts)\/[\w./-]+\.(?:mjs|ts|tsx))`?/g;

export function checkPromises(): string[] {
  if (!existsSync(join(ROOT, PAGE))) return [`${PAGE} is not there`];
  const text = readFileSync(join(ROOT, PAGE), "utf8");
  const rows = promiseRows(text.split("\n"));
  if (rows.length === 0) return [`${PAGE} holds no promise`];
  const untested = rows.filter(({ line }) => /\buntested\b/i.test(line)).length;
  console.log(`promises: ${rows.length}, of them ${untested} untested`);
  return rows.flatMap(({ line, at }) => {
    const files = [...line.matchAll(NAMES_A_FILE)].map(([, path = ""]) => path);
    const gone = files.filter((path) => !existsSync(join(ROOT, path)));
    if (gone.length > 0) return [`${PAGE}:${at} names ${gone.join(", ")}, which is not there`];
    return files.length > 0 || /\buntested\b/i.test(line)
      ? []
      : [`${PAGE}:${at} names no test and does not say "untested"`];
  });
}

/** Rows of the tables whose first column is called "promise"; other tables explain. */
function promiseRows(lines: readonly string[]): { line: string; at: number }[] {
  let isPromises = false;
  return lines.flatMap((line, at) => {
    if (!line.startsWith("|")) isPromises = false;
    else if (!lines[at - 1]?.startsWith("|")) isPromises = /^\|\s*promises?\b/i.test(line);
    else if (isPromises && !/^\|[\s:|-]+\|$/.test(line)) return [{ line, at: at + 1 }];
    return [];
  });
}
