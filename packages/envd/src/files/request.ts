/** Who asks and for which path, for the REST file calls. behaviour.md §2.1, §2.2. */
import type { Envd } from "../envd";
import { resolvePath } from "../paths";
import type { User } from "../users";
import { fileFaults } from "./faults";

/**
 * The user of a REST file call: `username`, else the default user.
 * @throws Fault `files_unknown_user`, `files_no_user`
 */
export function fileUser(username: string | null | undefined, envd: Envd): User {
  const name = username || envd.state.defaultUser;
  if (name === "") throw fileFaults.no_user({});
  const user = envd.accounts.lookupUser(name);
  if (user === undefined) throw fileFaults.unknown_user({ user: name });
  return user;
}

/**
 * The path on disk that a requested path means for this user; the empty path without a default workdir is the home.
 * @throws Fault `files_nul_in_path`, `envd_foreign_home`
 */
export function pathFor(user: User, path: string, envd: Envd): string {
  if (path.includes("\0")) throw fileFaults.nul_in_path({});
  return resolvePath({ path, home: user.home, defaultWorkdir: envd.state.defaultWorkdir }) || user.home;
}
