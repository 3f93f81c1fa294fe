/** Messages of a Connect server stream with the JSON codec: one byte of flags, four of length, then the message. */

export type StreamMessage = { readonly isEnd: boolean; readonly json: unknown };

/** @throws Error when a message is longer than `maxBytes` or no JSON; a stream that just stops ends without one */
export async function* readMessages(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): AsyncGenerator<StreamMessage, void, void> {
  let held: Uint8Array = new Uint8Array();
  for await (const piece of body) {
    held = held.length === 0 ? piece : Buffer.concat([held, piece]);
    for (;;) {
      if (held.length < 5) break;
      const sizeBytes = new DataView(held.buffer, held.byteOffset, 5).getUint32(1);
      if (sizeBytes > maxBytes) throw new Error(`a message of ${sizeBytes} bytes is too long`);
      if (held.length < 5 + sizeBytes) break;
      const isEnd = ((held[0] ?? 0) & 2) !== 0;
      const json: unknown = JSON.parse(new TextDecoder().decode(held.subarray(5, 5 + sizeBytes)) || "{}");
      held = held.subarray(5 + sizeBytes);
      yield { isEnd, json };
    }
  }
}
