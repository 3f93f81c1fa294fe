/** What a bucket answers, as our faults. */
import { Fault } from "@sandlot/faults";
import { asFault } from "../durable";
import { storageFaults } from "../faults";

type ServiceError = Error & { readonly $metadata?: { readonly httpStatusCode?: number } };

/** @throws the signal's reason when it has been aborted, and what is not the bucket's */
export function translate(thrown: unknown, key: string, signal: AbortSignal): Fault {
  if (signal.aborted) throw signal.reason;
  if (thrown instanceof Fault) return thrown;
  const local = asFault(thrown, key);
  if (local instanceof Fault) return local;
  const { name, message, $metadata } = thrown as ServiceError;
  const status = $metadata?.httpStatusCode;
  const reason = `${name}: ${message}`;
  if (name === "NoSuchBucket") return storageFaults.refused({ key, reason: "there is no such bucket" }, thrown);
  if (status === 404 || name === "NotFound" || name === "NoSuchKey") return storageFaults.missing({ key }, thrown);
  if (status === 401 || status === 403) return storageFaults.refused({ key, reason }, thrown);
  return storageFaults.unreachable({ reason }, thrown);
}
