/** Two independent questions: may this caller talk to us (access token), and as which Linux user. behaviour.md §2.1. */
import type { Envd } from "./envd";
import { faults } from "./faults";
import type { User } from "./users";

/** Compares hashes, and all of them: how long it takes says nothing about where two secrets differ. */
export function isSameSecret(left: string, right: string): boolean {
  const hash = (text: string): Uint8Array => new Bun.CryptoHasher("sha256").update(text).digest();
  const other = hash(right);
  return hash(left).reduce((difference, byte, at) => difference | (byte ^ (other[at] ?? 0)), 0) === 0;
}

/** Whether the caller may pass: nothing is installed, or the header carries exactly the token. */
export function hasAccess(headers: Headers, envd: Envd): boolean {
  const token = envd.state.accessToken;
  if (token === undefined) return true;
  const given = headers.get("x-access-token");
  return given !== null && isSameSecret(given, token);
}

/**
 * The user of an RPC: Basic auth's user name (the password is ignored), else the default user.
 * @throws Fault `envd_unknown_user`, `envd_no_user`
 */
export function userOfRpc(headers: Headers, envd: Envd): User {
  const named = basicUser(headers.get("authorization"));
  return loadUser(named ?? envd.state.defaultUser, envd);
}

/** @throws Fault `envd_unknown_user`, or `envd_no_user` when the name is empty */
export function loadUser(name: string, envd: Envd): User {
  if (name === "") throw faults.no_user({});
  const user = envd.accounts.lookupUser(name);
  if (user === undefined) throw faults.unknown_user({ user: name });
  return user;
}

function basicUser(header: string | null): string | undefined {
  const encoded = header === null ? undefined : /^basic\s+(\S+)\s*$/i.exec(header)?.[1];
  if (encoded === undefined) return undefined;
  const [user] = Buffer.from(encoded, "base64").toString("utf8").split(":", 1);
  return user;
}
