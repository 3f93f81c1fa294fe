/** Links and quoted paths of documents resolve, every package has its page, agents' guide is short. Called by check.ts. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packages, ROOT, trackedFiles } from "./check/workspace";

const AGENTS_LINES = 120;

export function checkDocs(): string[] {
  const files = trackedFiles();
  const pages = files.filter((path) => path.endsWith(".md"));
  const lines = readFileSync(join(ROOT, "AGENTS.md"), "utf8").split("\n").length;
  return [
    ...pages.flatMap(links),
    ...pages.flatMap((page) => quotedPaths(page, files)),
    ...packages(files)
      .filter(({ folder }) => folder.startsWith("packages/") && !files.includes(`${folder}/README.md`))
      .map(({ folder }) => `${folder} has no README.md`),
    ...(lines >= AGENTS_LINES ? [`AGENTS.md has ${lines} lines, at most ${AGENTS_LINES}`] : []),
    ...decisions(files),
  ];
}

/** Links to files and to headings; the web is not asked. */
function links(page: string): string[] {
  const text = withoutFences(readFileSync(join(ROOT, page), "utf8"));
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, target = ""]) => {
    if (/^(https?:|mailto:)/.test(target)) return [];
    const [path = "", anchor] = target.split("#");
    const file = path === "" ? page : join(dirname(page), path);
    if (!existsSync(join(ROOT, file))) return [`${page} links to ${target}, which is not there`];
    if (anchor === undefined || !file.endsWith(".md")) return [];
    return anchors(file).has(anchor) ? [] : [`${page} links to ${target}, and there is no such heading`];
  });
}

/** A path in backticks that begins with a folder of the root: it is there, from the root. `*` and the like name no one file. */
function quotedPaths(page: string, files: readonly string[]): string[] {
  const text = withoutFences(readFileSync(join(ROOT, page), "utf8"));
  const roots = "apps|bench|docs|packages|scripts|spec|templates|tests";
  const quoted = [...text.matchAll(new RegExp(`\`((?:${roots})/[\\w./-]+)\``, "g"))].map(([, path = ""]) => path);
  const gone = quoted.filter(
    (path) => !files.some((file) => file === path || file.startsWith(path.replace(/\/?$/, "/"))),
  );
  return gone.map((path) => `${page} names ${path}, which is not there`);
}

const withoutFences = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, "");

function anchors(page: string): Set<string> {
  const text = withoutFences(readFileSync(join(ROOT, page), "utf8"));
  return new Set(
    [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Numbered without holes or doubles, so that a number names one decision for good. */
function decisions(files: readonly string[]): string[] {
  const numbers = files.flatMap((path) => /^docs\/decisions\/(\d{4})-/.exec(path)?.[1] ?? []).sort();
  return numbers.flatMap((number, at) =>
    Number(number) === at + 1 ? [] : [`docs/decisions: expected number ${at + 1}, found ${number}`],
  );
}
