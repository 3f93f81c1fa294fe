/** IPv4 ranges as closed intervals of numbers: the only form in which overlap, union and difference stay simple. */
import { networkFaults } from "../faults";

export type Range = { readonly first: number; readonly last: number };

const TOP = 0xffff_ffff;

/** Dotted decimal of four parts only: octal, hexadecimal and short forms are refused, not guessed. */
export function parseAddress(text: string): number | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatAddress(value: number): string {
  return [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
}

/**
 * Reads `a.b.c.d` or `a.b.c.d/n`; host bits below the prefix are ignored.
 * @throws Fault `network_bad_cidr`
 */
export function parseCidr(text: string): Range {
  const [address = "", prefixText = "32", ...rest] = text.split("/");
  const base = parseAddress(address);
  const prefix = /^(0|[1-9]\d?)$/.test(prefixText) ? Number(prefixText) : 33;
  if (base === undefined || prefix > 32 || rest.length > 0) throw networkFaults.bad_cidr({ text });
  const size = 2 ** (32 - prefix);
  const first = Math.floor(base / size) * size;
  return { first, last: first + size - 1 };
}

/** Sorted, disjoint and never adjacent: what a kernel interval set takes without further thought. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const sorted = [...ranges].sort((a, b) => a.first - b.first);
  const merged: { first: number; last: number }[] = [];
  for (const range of sorted) {
    const before = merged.at(-1);
    if (before !== undefined && range.first <= before.last + 1) before.last = Math.max(before.last, range.last);
    else merged.push({ ...range });
  }
  return merged;
}

/** What lies in none of `ranges`. */
export function invertRanges(ranges: readonly Range[]): Range[] {
  const free: Range[] = [];
  let next = 0;
  for (const { first, last } of mergeRanges(ranges)) {
    if (first > next) free.push({ first: next, last: first - 1 });
    next = last + 1;
  }
  if (next <= TOP) free.push({ first: next, last: TOP });
  return free;
}

/** What lies in `from` and in none of `taken`. */
export function subtractRanges(from: readonly Range[], taken: readonly Range[]): Range[] {
  return invertRanges([...invertRanges(from), ...taken]);
}

export function overlaps(a: Range, b: Range): boolean {
  return a.first <= b.last && b.first <= a.last;
}

export function formatRange({ first, last }: Range): string {
  if (first === last) return formatAddress(first);
  return first === 0 && last === TOP ? "0.0.0.0/0" : `${formatAddress(first)}-${formatAddress(last)}`;
}
