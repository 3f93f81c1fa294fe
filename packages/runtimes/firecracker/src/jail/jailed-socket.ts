/**
 * A socket that the jailed process has made. It owns the directories around it, so a broken one could put a link to
 * somebody else's socket there: nothing on the way may be a link. Also, a path can be longer than a socket's address.
 */
import { closeSync, fstatSync } from "node:fs";
import { AT_FDCWD, O_PATH, openAt, openDirectoryAt } from "@sandlot/linux";

const O_NOFOLLOW = 0o400000;

/** A path that is good until it is disposed of; connect to it before that.
 * @throws Error with a code of the system's, or when it is no socket */
export function openJailedSocket(root: string, inside: string): { readonly path: string } & Disposable {
  const names = inside.split("/").filter((name) => name !== "");
  const held = new DisposableStack();
  const hold = (fd: number): number => held.adopt(fd, closeSync);
  let last: number;
  try {
    let dirFd = hold(openDirectoryAt({ dirFd: AT_FDCWD, name: Buffer.from(root) }));
    for (const name of names.slice(0, -1)) dirFd = hold(openDirectoryAt({ dirFd, name: Buffer.from(name) }));
    last = hold(openAt({ dirFd, name: Buffer.from(names.at(-1) ?? ""), flags: O_PATH | O_NOFOLLOW }));
    if (!fstatSync(last).isSocket()) throw new Error(`${inside} is no socket`);
  } catch (thrown) {
    held.dispose();
    throw thrown;
  }
  return { path: `/proc/self/fd/${last}`, [Symbol.dispose]: () => held.dispose() };
}
