/** Links by which clients send the files of a COPY step to this service itself, where the build cache is a directory. */
import { createHmac } from "node:crypto";
import { secretsEqual } from "@sandlot/domain";
import { apiFaults } from "../faults";
import { limits } from "../limits";

export type UploadTarget = { readonly teamId: string; readonly hash: string };

export const UPLOAD_PATH = "/uploads/build-files";

/** Valid for half an hour, for this team's file of this hash and no other. No key is sent with it: the link is the secret. */
export function uploadLink(of: UploadTarget & { seed: string; origin: string; nowMs: number }): string {
  const expires = Math.floor((of.nowMs + limits.uploadLinkMs) / 1000);
  const query = new URLSearchParams({ expires: String(expires), token: sign(of.seed, of, expires) });
  return `${of.origin}${UPLOAD_PATH}/${of.teamId}/${of.hash}?${query}`;
}

/** @throws Fault `api_bad_upload_link` */
export function checkUploadLink(of: { seed: string; url: URL; nowMs: number }): UploadTarget {
  const [teamId = "", hash = "", ...rest] = of.url.pathname.slice(UPLOAD_PATH.length + 1).split("/");
  const expires = of.url.searchParams.get("expires") ?? "";
  const token = of.url.searchParams.get("token") ?? "";
  const isWellFormed =
    rest.length === 0 && /^[0-9a-f]{64}$/.test(hash) && /^[0-9a-f-]{36}$/.test(teamId) && /^\d{1,12}$/.test(expires);
  if (!isWellFormed || !secretsEqual(token, sign(of.seed, { teamId, hash }, Number(expires)))) {
    throw apiFaults.bad_upload_link({ why: "its signature is wrong" });
  }
  if (Number(expires) * 1000 < of.nowMs) throw apiFaults.bad_upload_link({ why: "it has expired" });
  return { teamId, hash };
}

function sign(seed: string, { teamId, hash }: UploadTarget, expires: number): string {
  return createHmac("sha256", seed).update(`build-files:PUT:${teamId}:${hash}:${expires}`).digest("hex");
}
