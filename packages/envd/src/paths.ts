/** Where a path of a request leads. The one rule for RPC, REST and `cwd`: behaviour.md §2.2. */
import { join } from "node:path";
import { faults } from "./faults";

/**
 * Empty means the default workdir, else stays empty; `~` is the user's home; absolute is taken verbatim, not cleaned;
 * relative is joined to the user's home (not the workdir) and cleaned.
 * @throws Fault `envd_foreign_home` for `~other`
 */
export function resolvePath(of: { path: string; home: string; defaultWorkdir: string | undefined }): string {
  const path = of.path === "" ? (of.defaultWorkdir ?? "") : of.path;
  if (path === "") return "";
  if (path === "~") return of.home;
  if (path.startsWith("~/") || path.startsWith("~\\")) return clean(join(of.home, path.slice(2)));
  if (path.startsWith("~")) throw faults.foreign_home({});
  return path.startsWith("/") ? path : clean(join(of.home, path));
}

/** A cleaned path has no trailing slash. */
function clean(path: string): string {
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
