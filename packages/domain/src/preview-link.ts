/** Links that let a visitor without the traffic token reach one port of one sandbox for a while. */
import { createHmac, timingSafeEqual } from "node:crypto";

/** Name of the query parameter and of the cookie that carry a link's token. */
export const LINK_PARAMETER = "sandlot-link";
export const MAX_LINK_SECONDS = 7 * 24 * 3_600;

export type LinkTarget = {
  readonly sandboxId: string;
  readonly port: number;
  /** The sandbox's traffic token: it signs, so every link dies with the sandbox, and no other secret need travel. */
  readonly trafficToken: string;
};

const TOKEN = /^([0-9a-z]{1,11})\.([A-Za-z0-9_-]{43})$/;

/** @param expiresAtMs rounded up to a second */
export function signLink(target: LinkTarget, expiresAtMs: number): string {
  const expires = Math.ceil(expiresAtMs / 1000).toString(36);
  return `${expires}.${signatureOf(target, expires).toString("base64url")}`;
}

/** @returns until when the token opens this port, in ms; undefined when it does not, or no longer */
export function verifyLink(target: LinkTarget, token: string, nowMs: number): number | undefined {
  const parts = TOKEN.exec(token);
  if (parts === null || target.trafficToken === "") return undefined;
  const [, expires = "", signature = ""] = parts;
  const sent = Buffer.from(signature, "base64url");
  const wanted = signatureOf(target, expires);
  if (sent.length !== wanted.length || !timingSafeEqual(sent, wanted)) return undefined;
  const expiresAtMs = Number.parseInt(expires, 36) * 1000;
  return expiresAtMs > nowMs ? expiresAtMs : undefined;
}

function signatureOf({ sandboxId, port, trafficToken }: LinkTarget, expires: string): Buffer {
  return createHmac("sha256", trafficToken).update(`sandlot link\n${sandboxId}\n${port}\n${expires}`).digest();
}
