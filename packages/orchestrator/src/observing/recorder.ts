/** What was observed lately, numbered, so that who asks again gets only what is new. In memory: a new run begins anew. */
import { randomUUID } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type SandboxLogLine,
  SandboxLogLineSchema,
  type SandboxObserveResponse,
  SandboxObserveResponseSchema,
  type SandboxSample,
} from "@sandlot/contracts/orchestrator";
import { limits } from "../limits";
import type { GuestLine } from "./guest-lines";

export type OwnedLine = GuestLine & { readonly sandboxId: string; readonly teamId: string };
type Entry = { readonly sequence: number; readonly sizeBytes: number } & (
  | { readonly sample: SandboxSample }
  | { readonly line: SandboxLogLine }
);

const SAMPLE_BYTES = 120;

export class Recorder {
  readonly runId = randomUUID();
  #entries: Entry[] = [];
  #newest = 0;

  addSample(sample: SandboxSample): void {
    this.#add({ sequence: this.#newest + 1, sizeBytes: SAMPLE_BYTES, sample });
  }

  addLine({ atMs, fields, ...line }: OwnedLine): void {
    const sequence = this.#newest + 1;
    const message = create(SandboxLogLineSchema, {
      ...line,
      fields: { ...fields },
      at: timestampFromMs(atMs),
      sequence: BigInt(sequence),
    });
    this.#add({ sequence, sizeBytes: 200 + line.message.length, line: message });
  }

  /** From the oldest on that the asker has not seen, at most `limits.observeAnswerBytes` at once. */
  since(of: { runId: string; after: number }): SandboxObserveResponse {
    const after = of.runId === this.runId ? of.after : 0;
    const begin = this.#entries.findIndex(({ sequence }) => sequence > after);
    const samples: SandboxSample[] = [];
    const lines: SandboxLogLine[] = [];
    let next = begin === -1 ? this.#newest : after;
    let roomBytes: number = limits.observeAnswerBytes;
    for (const entry of begin === -1 ? [] : this.#entries.slice(begin)) {
      if (roomBytes <= 0) break;
      roomBytes -= entry.sizeBytes;
      next = entry.sequence;
      if ("sample" in entry) samples.push(entry.sample);
      else lines.push(entry.line);
    }
    const place = { runId: this.runId, next: BigInt(next), newest: BigInt(this.#newest) };
    return create(SandboxObserveResponseSchema, { ...place, samples, lines });
  }

  #add(entry: Entry): void {
    this.#newest = entry.sequence;
    this.#entries.push(entry);
    // Cut in chunks: moving the whole list for every entry would cost more than keeping a few more.
    if (this.#entries.length > limits.observedKept * 1.25) this.#entries = this.#entries.slice(-limits.observedKept);
  }
}
