import type { FaultKind } from "@sandlot/faults";

const STATUS: Partial<Record<FaultKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  missing: 404,
  limited: 429,
  unsupported: 501,
};

/** The kit's own table comes with the Connect library, which is more than this server is. */
export function statusOf(kind: FaultKind): number {
  return STATUS[kind] ?? 500;
}
