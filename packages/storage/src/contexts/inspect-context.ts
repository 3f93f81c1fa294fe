/** Looks through an uploaded build context, gzipped or not, without keeping any of it. */
import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { isFault } from "@sandlot/faults";
import { storageFaults } from "../faults";
import { type ContextLimits, contextLimits, TarInspector } from "./tar-inspector";

export type InspectedContext = { readonly entries: number; readonly unpackedBytes: number };

/**
 * @throws Fault `storage_bad_context` when it is no whole tar or holds what no context may, the signal's reason when aborted
 */
export async function inspectContext(
  body: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  limits: ContextLimits = contextLimits,
): Promise<InspectedContext> {
  const inspector = new TarInspector(limits);
  const pieces = body[Symbol.asyncIterator]();
  const first = await pieces.next();
  if (first.done === true) throw storageFaults.bad_context({ why: "it is empty" });
  const whole = startingWith(first.value, pieces);
  const isGzip = first.value[0] === 0x1f && first.value[1] === 0x8b;
  const plain: AsyncIterable<Uint8Array> = isGzip
    ? Readable.from(whole, { objectMode: false }).pipe(createGunzip())
    : whole;
  try {
    for await (const piece of plain) {
      signal.throwIfAborted();
      inspector.push(piece);
    }
  } catch (thrown) {
    if (isFault(thrown) || signal.aborted) throw thrown;
    throw storageFaults.bad_context({ why: "its gzip stream is cut off or damaged" }, thrown);
  }
  inspector.end();
  return { entries: inspector.entries, unpackedBytes: inspector.unpackedBytes };
}

async function* startingWith(first: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}
