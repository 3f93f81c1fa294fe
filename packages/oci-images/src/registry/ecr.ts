/** Amazon's registry takes a password that its API gives for twelve hours. */
import { createHash, createHmac } from "node:crypto";
import { imageFaults } from "../faults";
import type { RegistryCredentials } from "../types";
import { ask, readDocument } from "./http";

type AwsKeys = Extract<RegistryCredentials, { type: "aws" }>;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

/**
 * AWS Signature 4 of one POST. Pure.
 * @param headers all that are signed, lower-case names in order
 */
export function signAws(of: {
  keys: Pick<AwsKeys, "accessKeyId" | "secretAccessKey" | "region">;
  service: string;
  headers: Readonly<Record<string, string>>;
  body: string;
  /** `20150830T123600Z` */
  amzDate: string;
  method?: string;
}): string {
  const { keys, service, headers, body, amzDate, method = "POST" } = of;
  const names = Object.keys(headers).sort();
  const canonicalHeaders = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join("");
  const signedHeaders = names.join(";");
  const canonical = [method, "/", "", canonicalHeaders, signedHeaders, sha256(body)].join("\n");
  const day = amzDate.slice(0, 8);
  const scope = `${day}/${keys.region}/${service}/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", amzDate, scope, sha256(canonical)].join("\n");
  const key = hmac(hmac(hmac(hmac(`AWS4${keys.secretAccessKey}`, day), keys.region), service), "aws4_request");
  const signature = hmac(key, text).toString("hex");
  return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`;
}

/**
 * @returns what Basic authentication wants, `AWS:<password>` in base64
 * @throws Fault `image_bad_credentials`
 */
export async function ecrPassword(
  keys: AwsKeys,
  of: { origin?: string; nowMs: number; signal?: AbortSignal | undefined },
): Promise<string> {
  if (!/^[a-z0-9-]{1,32}$/.test(keys.region)) throw imageFaults.bad_credentials({ why: "the AWS region is malformed" });
  const url = new URL(of.origin ?? `https://api.ecr.${keys.region}.amazonaws.com/`);
  const amzDate = new Date(of.nowMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const body = "{}";
  const headers = {
    "content-type": "application/x-amz-json-1.1",
    host: url.host,
    "x-amz-date": amzDate,
    "x-amz-target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
  };
  const authorization = signAws({ keys, service: "ecr", headers, body, amzDate });
  const answer = await ask({
    url,
    method: "POST",
    headers: { ...headers, authorization },
    body,
    trustedOrigin: of.origin === undefined ? undefined : url.origin,
    signal: of.signal,
  });
  const text = (await readDocument(answer, url.host)).toString("utf8");
  const token = answer.statusCode === 200 ? tokenIn(text) : undefined;
  if (token === undefined) throw imageFaults.bad_credentials({ why: `AWS refuses them (${answer.statusCode})` });
  return token;
}

function tokenIn(text: string): string | undefined {
  try {
    const { authorizationData } = JSON.parse(text) as { authorizationData?: { authorizationToken?: string }[] };
    return authorizationData?.[0]?.authorizationToken;
  } catch {
    return undefined;
  }
}
