/** Small rules of the house: environment, console, exports, timers, paths of one machine, first lines. Called by check.ts. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isSource, isTest, ROOT, trackedFiles } from "./check/workspace";

type Habit = { readonly what: string; readonly wrong: RegExp; readonly applies: (path: string) => boolean };

const isShipped = (path: string): boolean => /^packages\//.test(path) && isSource(path) && !isTest(path);

const HABITS: readonly Habit[] = [
  {
    what: "reads the environment; only a main does, and hands it on",
    wrong: /\bprocess\.env\b|\bBun\.env\b/,
    applies: isShipped,
  },
  { what: "writes to the console; only a command line does", wrong: /\bconsole\.\w+\(/, applies: isShipped },
  { what: "has a default export", wrong: /^export default\b/, applies: (path) => isSource(path) },
  {
    what: "ends the process; only kit/lifetime and the command line do",
    wrong: /\bprocess\.exit\(/,
    applies: (path) => isShipped(path) && !/^packages\/(kit\/lifetime|cli)\//.test(path),
  },
  { what: "declares an enum", wrong: /^\s*(export )?(const )?enum \w/, applies: (path) => isSource(path) },
  // Where somebody built this says nothing to anybody else. The names are put together so that this file passes.
  {
    what: "names a path or host of one machine",
    wrong: new RegExp(
      [
        "\\/(root|home\\/(?!user\\b)[a-z]+)\\/(work|src|sandlot)",
        "\\/work\\/(main|shared)",
        "\\b(verdaccio|artifactory|nexus)\\.[a-z]",
        "registry\\.(?!npmjs\\.org)[a-z-]+\\.(internal|local|corp)",
      ].join("|"),
    ),
    applies: (path) => path !== "scripts/check-habits.ts",
  },
  {
    what: "points at another place than the public registry",
    wrong: /"(resolved|https?:\/\/(?!registry\.npmjs\.org)[^"]*\.tgz)"/,
    applies: (path) => path === "bun.lock",
  },
];

/** Rooms whose files may do otherwise, with the reason. */
const EXCEPTIONS: readonly { readonly path: RegExp; readonly what: RegExp; readonly because: string }[] = [
  {
    path: /^packages\/stack\/src\/(base\/build|dist|host\/packages)\.ts$/,
    what: /environment/,
    because: "hands proxy, locale and path variables of the caller's shell to apt, mmdebstrap and compilers",
  },
  { path: /^packages\/kit\/host\/src\/spawn\.ts$/, what: /environment/, because: "picks what a child inherits" },
];

export function checkHabits(): string[] {
  const files = trackedFiles().filter((path) => !/\.(png|erofs|tar)$/.test(path));
  const problems = files.flatMap((path) => {
    const lines = readFileSync(join(ROOT, path), "utf8").split("\n");
    return HABITS.filter((habit) => habit.applies(path) && !isExcepted(path, habit)).flatMap((habit) =>
      lines.flatMap((line, at) => (habit.wrong.test(withoutComment(line)) ? [`${path}:${at + 1} ${habit.what}`] : [])),
    );
  });
  return [...problems, ...files.filter(isScript).flatMap(opens)];
}

const isExcepted = (path: string, habit: Habit): boolean =>
  EXCEPTIONS.some((exception) => exception.path.test(path) && exception.what.test(habit.what));

const withoutComment = (line: string): string => (/^\s*(\/\/|\*|\/\*)/.test(line) ? "" : line);

const isScript = (path: string): boolean => /^scripts\/[^/]+\.ts$/.test(path) && !isTest(path);

/** A script says in its first line what it does and who calls it. */
function opens(path: string): string[] {
  const first = readFileSync(join(ROOT, path), "utf8").split("\n")[0] ?? "";
  return /^\/\*\* .*([Cc]alled by|`bun run|`bun scripts).* \*\/$/.test(first)
    ? []
    : [`${path}:1 must say in one line what it does and who calls it`];
}
