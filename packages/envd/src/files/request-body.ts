/** The bytes of an upload: decompressed if need be, and never silent for long. */
import { fileFaults } from "./faults";
import { gunzipped } from "./gzip";
import { UPLOAD_IDLE_MS } from "./limits";

/** @throws Fault `files_bad_request` for a coding other than gzip and identity */
export function uploadChunks(request: Request, idleMs = UPLOAD_IDLE_MS): AsyncGenerator<Uint8Array> {
  const coding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  const raw = withIdleLimit(request.body, idleMs);
  if (coding === "" || coding === "identity") return raw;
  if (coding === "gzip") return gunzipped(raw);
  throw fileFaults.bad_request({ problem: `unsupported content encoding: ${coding}, supported: [gzip]` });
}

async function* withIdleLimit(body: ReadableStream<Uint8Array> | null, idleMs: number): AsyncGenerator<Uint8Array> {
  if (body === null) return;
  const reader = body.getReader();
  let isEnded = false;
  try {
    for (;;) {
      const { value, done } = await orStalled(reader.read(), idleMs);
      isEnded = done;
      if (done) return;
      yield value;
    }
  } finally {
    // What is left of a refused upload is thrown away; a sender that has gone makes this fail, which is all right.
    if (!isEnded) await reader.cancel().catch(() => undefined);
  }
}

function orStalled<T>(reading: Promise<T>, idleMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(fileFaults.stalled({ idleMs })), idleMs);
    reading.then(resolve, (thrown) => reject(fileFaults.cut({}, thrown))).finally(() => clearTimeout(timer));
  });
}
