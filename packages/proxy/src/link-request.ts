import { LINK_PARAMETER } from "@sandlot/domain";
import type { HeaderList } from "./http/headers";

/** A request's link token, and the request without it: what a guest's server may see. */
export type LinkedRequest = {
  readonly token: string;
  readonly from: "query" | "cookie";
  readonly target: string;
  /** Undefined: no cookie is left. */
  readonly cookie: string | undefined;
};

/** Undefined when the request carries no link. The query wins: it is what somebody just followed. */
export function readLink(target: string, headers: HeaderList): LinkedRequest | undefined {
  const inQuery = takeFromQuery(target);
  const inCookie = takeFromCookies(headers.all("Cookie"));
  const token = inQuery.token ?? inCookie.token;
  if (token === undefined) return undefined;
  const from = inQuery.token === undefined ? "cookie" : "query";
  return { token, from, target: inQuery.target, cookie: inCookie.cookie };
}

function takeFromQuery(target: string): { token: string | undefined; target: string } {
  const mark = target.indexOf("?");
  if (mark < 0) return { token: undefined, target };
  let token: string | undefined;
  const kept = target
    .slice(mark + 1)
    .split("&")
    .filter((pair) => {
      if (!pair.startsWith(`${LINK_PARAMETER}=`)) return true;
      token ??= pair.slice(LINK_PARAMETER.length + 1);
      return false;
    });
  if (token === undefined) return { token, target };
  const path = target.slice(0, mark);
  return { token, target: kept.length === 0 ? path : `${path}?${kept.join("&")}` };
}

function takeFromCookies(lines: readonly string[]): { token: string | undefined; cookie: string | undefined } {
  let token: string | undefined;
  const kept = lines
    .flatMap((line) => line.split(";"))
    .map((pair) => pair.trim())
    .filter((pair) => {
      if (!pair.startsWith(`${LINK_PARAMETER}=`)) return pair !== "";
      token ??= pair.slice(LINK_PARAMETER.length + 1);
      return false;
    });
  return { token, cookie: kept.length === 0 ? undefined : kept.join("; ") };
}
