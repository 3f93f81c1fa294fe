/** The one table from kinds of faults to HTTP status and Connect code. Source: what the stock clients make of each. */
import { Code, ConnectError } from "@connectrpc/connect";
import { Fault, type FaultKind } from "./index";

const WIRE = {
  invalid: { http: 400, rpc: Code.InvalidArgument },
  unauthenticated: { http: 401, rpc: Code.Unauthenticated },
  forbidden: { http: 403, rpc: Code.PermissionDenied },
  missing: { http: 404, rpc: Code.NotFound },
  conflict: { http: 409, rpc: Code.FailedPrecondition },
  exists: { http: 409, rpc: Code.AlreadyExists },
  precondition: { http: 400, rpc: Code.FailedPrecondition },
  limited: { http: 429, rpc: Code.ResourceExhausted },
  unsupported: { http: 501, rpc: Code.Unimplemented },
  gone: { http: 502, rpc: Code.Unavailable }, // stock clients read both as "the sandbox has ended"
  unavailable: { http: 503, rpc: Code.Unavailable },
  timed_out: { http: 504, rpc: Code.DeadlineExceeded },
  too_large: { http: 413, rpc: Code.InvalidArgument },
  disk_full: { http: 507, rpc: Code.Internal }, // ResourceExhausted would surface as a rate limit
  broken: { http: 500, rpc: Code.Internal },
} as const satisfies Record<FaultKind, { http: number; rpc: Code }>;

export type HttpFault = {
  readonly status: number;
  readonly body: { code: number; message: string; error_code?: string };
};

/** Status and JSON body of anything thrown. A bug's own text never leaves the house. `code` equals the status. */
export function toHttp(thrown: unknown): HttpFault {
  if (!(thrown instanceof Fault)) return { status: 500, body: { code: 500, message: "internal error" } };
  const status = WIRE[thrown.kind].http;
  return { status, body: { code: status, message: thrown.message, error_code: thrown.code } };
}

/** The ConnectError of anything thrown; a ConnectError passes as it is. */
export function toConnect(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  if (thrown instanceof Fault)
    return new ConnectError(thrown.message, WIRE[thrown.kind].rpc, undefined, undefined, thrown);
  return new ConnectError("internal error", Code.Internal, undefined, undefined, thrown);
}

export function httpStatusOf(kind: FaultKind): number {
  return WIRE[kind].http;
}
