/** Which coding an answer gets. Supported: gzip and identity. behaviour.md §2.3 "GET /files". */

export type Coding = "gzip" | "identity";

type Wish = { readonly coding: string; readonly weight: number };

/** Headers that make an answer depend on exact bytes or dates; those are served unencoded. */
const EXACT_HEADERS = ["range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"];

export function wantsExactBytes(headers: Headers): boolean {
  return EXACT_HEADERS.some((name) => headers.has(name));
}

/** The coding to answer with, or undefined when the client refuses all that we have. */
export function chooseCoding(headers: Headers): Coding | undefined {
  const wishes = parseWishes(headers.get("accept-encoding") ?? "");
  if (wantsExactBytes(headers)) return isRefused("identity", wishes) ? undefined : "identity";
  const best = wishes
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight)
    .find(({ coding }) => coding === "gzip" || coding === "identity" || coding === "*");
  if (best?.coding === "gzip") return "gzip";
  if (best?.coding === "identity") return "identity";
  if (!isRefused("identity", wishes)) return "identity";
  return best?.coding === "*" && !isRefused("gzip", wishes) ? "gzip" : undefined;
}

/** Whether plain bytes will do although gzip was preferred; whoever names gzip and nothing else means it. */
export function allowsIdentity(headers: Headers): boolean {
  const wishes = parseWishes(headers.get("accept-encoding") ?? "");
  return !isRefused("identity", wishes) && wishes.some(({ coding }) => coding !== "gzip");
}

function isRefused(coding: Coding, wishes: readonly Wish[]): boolean {
  const named = wishes.find((wish) => wish.coding === coding) ?? wishes.find((wish) => wish.coding === "*");
  return named?.weight === 0;
}

function parseWishes(header: string): Wish[] {
  return header
    .split(",")
    .map((item) => item.split(";").map((part) => part.trim().toLowerCase()))
    .filter(([coding]) => coding !== undefined && coding !== "")
    .map(([coding, ...parameters]) => ({ coding: coding ?? "", weight: parseWeight(parameters) }));
}

/** A weight that cannot be read counts as 1, as for most servers. */
function parseWeight(parameters: readonly string[]): number {
  const text = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2);
  const weight = text === undefined ? 1 : Number.parseFloat(text);
  return Number.isNaN(weight) ? 1 : Math.min(1, Math.max(0, weight));
}
