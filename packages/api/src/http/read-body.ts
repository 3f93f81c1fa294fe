import { apiFaults } from "../faults";
import { limits } from "../limits";

const EMPTY = new Uint8Array();

/**
 * The whole body, bounded in size and in the time it may take.
 * @throws Fault `api_body_too_large`, `api_invalid` when it stalls or is cut
 */
export async function readBody(request: Request): Promise<Uint8Array> {
  if (request.body === null) return EMPTY;
  if (Number(request.headers.get("content-length") ?? 0) > limits.bodyBytes) {
    throw apiFaults.body_too_large({ limitBytes: limits.bodyBytes });
  }
  const reader = request.body.getReader();
  const stalled = AbortSignal.timeout(limits.bodyReadMs);
  const onStall = (): void => void reader.cancel().catch(() => undefined);
  stalled.addEventListener("abort", onStall);
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (stalled.aborted) throw apiFaults.invalid({ problem: "the request body did not arrive in time" });
      if (done) break;
      sizeBytes += value.length;
      if (sizeBytes > limits.bodyBytes) throw apiFaults.body_too_large({ limitBytes: limits.bodyBytes });
      chunks.push(value);
    }
  } finally {
    stalled.removeEventListener("abort", onStall);
    reader.cancel().catch(() => undefined);
  }
  return chunks.length === 1 ? (chunks[0] ?? EMPTY) : Buffer.concat(chunks);
}
