/** Requests to registries: addresses checked at every hop, secrets kept from those they are not for, answers bounded. */
import { type IncomingMessage, request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import { isFault } from "@sandlot/faults";
import { imageFaults } from "../faults";
import { DOCUMENT_BYTES, IDLE_MS, REDIRECTS } from "../limits";
import { checkedLookup, checkHost } from "./addresses";

export type Ask = {
  readonly url: URL;
  readonly method?: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** The origin an operator configured: it alone may be private, or without TLS. */
  readonly trustedOrigin?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/**
 * Follows redirects, without `authorization` once they lead to another origin.
 * @returns the last answer, its body unread
 * @throws Fault `image_unreachable`, `image_private_address`, `image_bad_answer`
 */
export async function ask(first: Ask): Promise<IncomingMessage> {
  let { url } = first;
  let headers = { ...first.headers };
  for (let hop = 0; ; hop++) {
    const answer = await askOnce({ ...first, url, headers });
    const { location } = answer.headers;
    const isRedirect = [301, 302, 303, 307, 308].includes(answer.statusCode ?? 0) && location !== undefined;
    if (!isRedirect) return answer;
    answer.destroy();
    if (hop >= REDIRECTS) throw imageFaults.bad_answer({ host: url.host, why: "it redirects without end" });
    const next = parseLocation(location, url);
    if (next.origin !== url.origin) headers = withoutAuthorization(headers);
    url = next;
  }
}

function parseLocation(location: string, base: URL): URL {
  try {
    return new URL(location, base);
  } catch {
    throw imageFaults.bad_answer({ host: base.host, why: "it redirects to no address" });
  }
}

function withoutAuthorization(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.toLowerCase() !== "authorization"));
}

function askOnce(of: Ask & { headers: Record<string, string> }): Promise<IncomingMessage> {
  const { url } = of;
  const isTrusted = url.origin === of.trustedOrigin;
  if (url.protocol !== "https:" && !(url.protocol === "http:" && isTrusted)) {
    throw imageFaults.bad_answer({ host: url.host, why: `it leads to ${url.protocol}//, which is not TLS` });
  }
  checkHost(url.hostname, isTrusted);
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const fail = (thrown: Error): void => {
      if (of.signal?.aborted === true) reject(of.signal.reason);
      else if (isFault(thrown)) reject(thrown);
      else reject(imageFaults.unreachable({ host: url.host, why: reasonOf(thrown) }, thrown));
    };
    const request = send(
      url,
      {
        method: of.method ?? "GET",
        headers: { "user-agent": "sandlot", ...of.headers },
        agent: false,
        lookup: checkedLookup(isTrusted) as never,
        ...(of.signal === undefined ? {} : { signal: of.signal }),
      },
      resolve,
    );
    request.setTimeout(IDLE_MS, () => request.destroy(new Error("it says nothing")));
    request.on("error", fail);
    request.end(of.body);
  });
}

function reasonOf(thrown: Error): string {
  const { code } = thrown as NodeJS.ErrnoException;
  return code === undefined || thrown.message.includes(code) ? thrown.message : `${thrown.message} (${code})`;
}

/** A whole small answer. @throws Fault `image_too_large` */
export async function readDocument(answer: IncomingMessage, host: string): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer) {
    size += (part as Buffer).length;
    if (size > DOCUMENT_BYTES) {
      answer.destroy();
      throw imageFaults.too_large({ what: `an answer of ${host}`, limit: `${DOCUMENT_BYTES} bytes` });
    }
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}
