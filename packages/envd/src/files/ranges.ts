/** Conditional and range requests on a file with a date and no ETag: RFC 9110 §13 and §14. */

export type ByteRange = { readonly from: number; readonly length: number };

export type Plan =
  | { readonly answer: "not_modified" | "precondition_failed" | "unsatisfiable" | "whole" }
  | { readonly answer: "parts"; readonly ranges: readonly ByteRange[] };

const MAX_RANGES = 64;

/** @param mtimeMs compared in whole seconds, as HTTP dates have no more */
export function planAnswer(of: { headers: Headers; sizeBytes: number; mtimeMs: number }): Plan {
  const { headers, sizeBytes } = of;
  const modifiedS = Math.floor(of.mtimeMs / 1000);
  const ifMatch = headers.get("if-match");
  if (ifMatch !== null && ifMatch.trim() !== "*") return { answer: "precondition_failed" };
  const unmodifiedSince = ifMatch === null ? dateOf(headers.get("if-unmodified-since")) : undefined;
  if (unmodifiedSince !== undefined && modifiedS > unmodifiedSince) return { answer: "precondition_failed" };
  const ifNoneMatch = headers.get("if-none-match");
  if (ifNoneMatch?.trim() === "*") return { answer: "not_modified" };
  const modifiedSince = ifNoneMatch === null ? dateOf(headers.get("if-modified-since")) : undefined;
  if (modifiedSince !== undefined && modifiedS <= modifiedSince) return { answer: "not_modified" };
  const range = headers.get("range");
  if (range === null) return { answer: "whole" };
  const ifRange = headers.get("if-range");
  if (ifRange !== null && dateOf(ifRange) !== modifiedS) return { answer: "whole" };
  return planRanges(range, sizeBytes);
}

function planRanges(header: string, sizeBytes: number): Plan {
  if (sizeBytes === 0) return { answer: "whole" };
  const ranges = parseRanges(header, sizeBytes);
  if (ranges === undefined || ranges.length === 0) return { answer: "unsatisfiable" };
  const askedBytes = ranges.reduce((sum, { length }) => sum + length, 0);
  // Overlapping ranges that ask for more than the file are an attack or a mistake: the whole file is cheaper.
  if (askedBytes > sizeBytes || ranges.length > MAX_RANGES) return { answer: "whole" };
  return { answer: "parts", ranges };
}

/** The ranges that lie in the file, or undefined when the header cannot be read. */
export function parseRanges(header: string, sizeBytes: number): ByteRange[] | undefined {
  const list = /^bytes=(.*)$/.exec(header.trim())?.[1];
  if (list === undefined) return undefined;
  const ranges: ByteRange[] = [];
  for (const item of list.split(",").map((text) => text.trim())) {
    if (item === "") continue;
    const [, fromText, toText] = /^(\d*)\s*-\s*(\d*)$/.exec(item) ?? [];
    if (fromText === undefined || toText === undefined || (fromText === "" && toText === "")) return undefined;
    const from = fromText === "" ? Math.max(0, sizeBytes - Number(toText)) : Number(fromText);
    const last = fromText === "" || toText === "" ? sizeBytes - 1 : Math.min(Number(toText), sizeBytes - 1);
    if (fromText !== "" && toText !== "" && Number(toText) < from) return undefined;
    if (from < sizeBytes && last >= from) ranges.push({ from, length: last - from + 1 });
  }
  return ranges;
}

/** Seconds since the epoch; a date that cannot be read is as if it were not there. */
function dateOf(text: string | null): number | undefined {
  const ms = text === null ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1000);
}
