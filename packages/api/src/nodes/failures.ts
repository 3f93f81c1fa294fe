/** What a node's refusal means for the caller. */
import { Code, ConnectError } from "@connectrpc/connect";

export type NodeFailure =
  /** No room or no start slot: ask again later, or another one. */
  | "full"
  /** Nothing was begun, or it is unknown what was: ask another one and have this one checked. */
  | "silent"
  /** It took too long. */
  | "late"
  /** It does not know the sandbox. */
  | "missing"
  /** It cannot do that. */
  | "refused";

export function readFailure(thrown: unknown): NodeFailure {
  switch (ConnectError.from(thrown).code) {
    case Code.ResourceExhausted:
      return "full";
    case Code.NotFound:
      return "missing";
    case Code.DeadlineExceeded:
      return "late";
    case Code.Unavailable:
    case Code.Canceled:
    case Code.Aborted:
      return "silent";
    default:
      return "refused";
  }
}
