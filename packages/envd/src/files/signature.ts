/** Who may use /files: the access token in a header, or a signature in the URL. behaviour.md §2.3 "File URL signatures". */
import { isSameSecret } from "../auth";
import { fileFaults } from "./faults";

export type FileOperation = "read" | "write";

/** `path` and `user` exactly as in the query, "" when absent; `expiry` in unix seconds. */
export function signFileUrl(of: {
  path: string;
  operation: FileOperation;
  user: string;
  token: string;
  expiry?: string | undefined;
}): string {
  const parts = [of.path, of.operation, of.user, of.token, ...(of.expiry === undefined ? [] : [of.expiry])];
  const digest = new Bun.CryptoHasher("sha256").update(parts.join(":")).digest("base64");
  return `v1_${digest.replaceAll("=", "")}`;
}

/**
 * Lets the caller pass or throws. Nothing is checked while no token is installed. A token header decides alone, be it
 * right or wrong. The signature is compared before its expiry is looked at.
 * @throws Fault `files_unauthorized`, `files_bad_request`
 */
export function checkFileAccess(of: {
  headers: Headers;
  query: URLSearchParams;
  operation: FileOperation;
  token: string | undefined;
  nowMs: number;
}): void {
  if (of.token === undefined) return;
  const given = of.headers.get("x-access-token");
  if (given !== null) {
    if (isSameSecret(given, of.token)) return;
    throw refused("access token present in header but does not match");
  }
  const signature = of.query.get("signature");
  if (signature === null) throw refused("missing signature query parameter");
  const expiry = parseExpiry(of.query.get("signature_expiration"));
  const wanted = signFileUrl({
    path: of.query.get("path") ?? "",
    operation: of.operation,
    user: of.query.get("username") ?? "",
    token: of.token,
    expiry: expiry?.toString(),
  });
  if (!isSameSecret(signature, wanted)) throw refused("invalid signature");
  if (expiry !== undefined && expiry < BigInt(Math.floor(of.nowMs / 1000)))
    throw refused("signature is already expired");
}

function parseExpiry(text: string | null): bigint | undefined {
  if (text === null) return undefined;
  if (!/^-?\d{1,19}$/.test(text)) {
    throw fileFaults.bad_request({ problem: "signature_expiration must be a whole number of seconds" });
  }
  return BigInt(text);
}

function refused(problem: string): Error {
  return fileFaults.unauthorized({ problem });
}
