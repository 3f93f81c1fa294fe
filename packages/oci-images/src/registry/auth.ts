/** How a registry wants to be told who asks: a challenge, a token server, or a password. */
import { imageFaults } from "../faults";
import type { RegistryCredentials } from "../types";
import { ecrPassword } from "./ecr";
import { ask, readDocument } from "./http";

export type Challenge = { readonly scheme: "bearer" | "basic"; readonly params: Readonly<Record<string, string>> };

/** The first challenge we can answer, of a `WWW-Authenticate` header. Pure. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const scheme = /^\s*(bearer|basic)\b/i.exec(header ?? "")?.[1]?.toLowerCase();
  if (scheme !== "bearer" && scheme !== "basic") return undefined;
  const params = [...(header ?? "").matchAll(/([a-z_]+)="([^"]*)"/gi)].map(([, name, value]) => [
    (name ?? "").toLowerCase(),
    value ?? "",
  ]);
  return { scheme, params: Object.fromEntries(params) };
}

/** `user:password` in base64, or nothing for who asks as anybody. @throws Fault `image_bad_credentials` */
export async function basicOf(
  credentials: RegistryCredentials | undefined,
  of: { nowMs: number; signal?: AbortSignal | undefined },
): Promise<string | undefined> {
  if (credentials === undefined) return undefined;
  const encode = (user: string, password: string): string => Buffer.from(`${user}:${password}`).toString("base64");
  switch (credentials.type) {
    case "registry":
      return encode(credentials.username, credentials.password);
    case "gcp":
      return encode("_json_key", checkedJson(credentials.serviceAccountJson));
    case "aws":
      return await ecrPassword(credentials, of);
  }
}

function checkedJson(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    throw imageFaults.bad_credentials({ why: "the GCP service account is not JSON" });
  }
}

/**
 * The `authorization` header that answers a challenge.
 * @throws Fault `image_denied`, `image_bad_answer`
 */
export async function answerChallenge(of: {
  challenge: Challenge;
  basic: string | undefined;
  repository: string;
  reference: string;
  origin: string;
  trustedOrigin: string | undefined;
  signal?: AbortSignal | undefined;
}): Promise<string> {
  const { basic, challenge, origin } = of;
  const host = new URL(origin).host;
  if (challenge.scheme === "basic") {
    if (basic === undefined) throw imageFaults.denied({ reference: of.reference, status: 401 });
    return `Basic ${basic}`;
  }
  const url = realmOf(challenge, host);
  const scope = challenge.params.scope ?? `repository:${of.repository}:pull`;
  url.searchParams.set("scope", scope);
  if (challenge.params.service !== undefined) url.searchParams.set("service", challenge.params.service);
  const headers = basic === undefined ? {} : { authorization: `Basic ${basic}` };
  // A configured mirror's token server may be private where the mirror itself is.
  const answer = await ask({ url, headers, trustedOrigin: of.trustedOrigin, signal: of.signal });
  const text = (await readDocument(answer, url.host)).toString("utf8");
  if (answer.statusCode !== 200) {
    throw imageFaults.denied({ reference: of.reference, status: answer.statusCode ?? 0 });
  }
  const token = tokenIn(text);
  if (token === undefined) throw imageFaults.bad_answer({ host: url.host, why: "it gives no token" });
  return `Bearer ${token}`;
}

function realmOf(challenge: Challenge, host: string): URL {
  try {
    return new URL(challenge.params.realm ?? "");
  } catch {
    throw imageFaults.bad_answer({ host, why: "it asks for a token without saying where" });
  }
}

function tokenIn(text: string): string | undefined {
  try {
    const { token, access_token } = JSON.parse(text) as { token?: string; access_token?: string };
    return token ?? access_token;
  } catch {
    return undefined;
  }
}
