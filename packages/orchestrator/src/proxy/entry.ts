/** Who may reach the ports of a sandbox that are not public: holders of its traffic token, and of a link that it signed. */
import { timingSafeEqual } from "node:crypto";
import { LINK_PARAMETER, type LinkTarget, verifyLink } from "@sandlot/domain";
import {
  type Answer,
  type Forward,
  type LinkedRequest,
  type ProxyRequest,
  type Refusal,
  readLink,
  refusals,
  wantsPage,
} from "@sandlot/proxy";

type Changes = Pick<Forward, "target" | "dropHeaders" | "setHeaders" | "untilMs">;
export type Entry =
  | { readonly kind: "open"; readonly forward: Changes }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  | { readonly kind: "redirect"; readonly answer: Answer };

/** Of a sandbox whose ports are public. */
export const FREE_ENTRY: Extract<Entry, { kind: "open" }> = { kind: "open", forward: {} };

/** Source: behaviour.md §3.4 for the token; links are our own. What opened the door is not shown to the guest's server. */
export function enter(of: { request: ProxyRequest; target: LinkTarget; nowMs: number }): Entry {
  const { request, target, nowMs } = of;
  const { sandboxId } = target;
  const link = readLink(request.target, request.headers);
  const sent = request.headers.get("e2b-traffic-access-token");
  if (sent !== undefined && sent !== "") {
    if (!isSame(sent, target.trafficToken)) return { kind: "refused", refusal: refusals.trafficTokenWrong(sandboxId) };
    return { kind: "open", forward: link === undefined ? {} : withoutLink(link) };
  }
  if (link === undefined) return { kind: "refused", refusal: refusals.trafficTokenMissing(sandboxId) };
  const untilMs = verifyLink(target, link.token, nowMs);
  if (untilMs === undefined) return { kind: "refused", refusal: refusals.linkWrong(sandboxId) };
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (link.from === "query" && isRead && wantsPage(request.headers)) {
    const isSecure = request.headers.get("X-Forwarded-Proto") === "https";
    return { kind: "redirect", answer: keepAsCookie({ link, seconds: Math.ceil((untilMs - nowMs) / 1000), isSecure }) };
  }
  return { kind: "open", forward: { ...withoutLink(link), untilMs } };
}

function withoutLink({ target, cookie }: LinkedRequest): Changes {
  return cookie === undefined
    ? { target, dropHeaders: ["cookie"] }
    : { target, setHeaders: [["Cookie", cookie]] as const };
}

/** A browser keeps the token where pages cannot read it, and out of addresses, referrers and histories. */
function keepAsCookie(of: { link: LinkedRequest; seconds: number; isSecure: boolean }): Answer {
  const { token, target } = of.link;
  const kept = `Path=/; Max-Age=${of.seconds}; HttpOnly; SameSite=Lax${of.isSecure ? "; Secure" : ""}`;
  return {
    status: 302,
    headers: [
      // `//host/…` would lead away from here.
      ["Location", target.startsWith("//") ? `/.${target}` : target],
      ["Set-Cookie", `${LINK_PARAMETER}=${token}; ${kept}`],
      ["Cache-Control", "no-store"],
      ["Referrer-Policy", "no-referrer"],
    ],
    body: "",
  };
}

/** Without telling by its duration how much of it was right. */
export function isSame(sent: string, wanted: string): boolean {
  const [a, b] = [sent, wanted].map((text) => new Bun.CryptoHasher("sha256").update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}
