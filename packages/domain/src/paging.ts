/** Cursors of paged lists (behaviour §1.4): base64url of `<time>__<id>`, with `__asc` at the end when ascending. */
import { requestFaults } from "./faults";

export type Order = "asc" | "desc";
export type Position = { readonly atMs: number; readonly id: string };

export function writeCursor({ atMs, id, order }: Position & { order: Order }): string {
  const text = `${new Date(atMs).toISOString()}__${id}${order === "asc" ? "__asc" : ""}`;
  const unpadded = Buffer.from(text).toString("base64url");
  return unpadded + "=".repeat((4 - (unpadded.length % 4)) % 4);
}

/** @throws Fault `request_bad_next_token` for garbage and for a cursor of the other direction */
export function parseCursor(token: string, order: Order): Position {
  const text = /^[A-Za-z0-9_-]+={0,2}$/.test(token) ? Buffer.from(token, "base64url").toString("utf8") : "";
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2}))__([a-z0-9-]+)(__asc)?$/.exec(
    text,
  );
  const atMs = Date.parse(match?.[1] ?? "");
  const id = match?.[2];
  if (id === undefined || Number.isNaN(atMs) || (match?.[3] !== undefined) !== (order === "asc")) {
    throw requestFaults.bad_next_token({});
  }
  return { atMs, id };
}

/** Time descending, then id ascending; ascending order is the exact reverse. */
export function comparePositions(a: Position, b: Position, order: Order): number {
  const byDesc = b.atMs - a.atMs || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
  return order === "desc" ? byDesc : -byDesc;
}

/** One page after `after`, and the cursor of the next one if there is one. */
export function pageOf<T>(of: {
  rows: readonly T[];
  at: (row: T) => Position;
  order: Order;
  after: Position | undefined;
  limit: number;
}): { page: T[]; nextToken: string | undefined } {
  const { rows, at, order, after, limit } = of;
  const sorted = rows.toSorted((a, b) => comparePositions(at(a), at(b), order));
  const rest = after === undefined ? sorted : sorted.filter((row) => comparePositions(at(row), after, order) > 0);
  const page = rest.slice(0, limit);
  const last = page.at(-1);
  const nextToken = rest.length > limit && last !== undefined ? writeCursor({ ...at(last), order }) : undefined;
  return { page, nextToken };
}
