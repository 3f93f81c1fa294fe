/** One look at one sandbox: its numbers, and its daemon's output. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SandboxSampleSchema } from "@sandlot/contracts/orchestrator";
import type { Clock } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { LiveSandbox } from "../sandboxes/entries";
import { type GuestLine, readGuestLines } from "./guest-lines";
import type { Recorder } from "./recorder";

/** What is remembered of a machine from one look to the next. */
export type Watched = {
  dueMs: number;
  cpuUsedMicros: number;
  cpuAtMs: number;
  outputByte: number;
  /** Lines it may still write before the node stops reading; grows again with time. */
  linesLeft: number;
};

export type LookParts = { readonly recorder: Recorder; readonly clock: Clock };

/** One sample. CPU is counted from the look before. */
export async function measure({ guest, record }: LiveSandbox, of: Watched, parts: LookParts): Promise<void> {
  const stats = await guest.machine.stats();
  const nowMs = parts.clock.nowMs();
  const spanMicros = Math.max(1, (nowMs - of.cpuAtMs) * 1000 * Number(record.config.vcpu));
  const usedPct = (100 * Math.max(0, stats.cpuUsedMicros - of.cpuUsedMicros)) / spanMicros;
  of.cpuUsedMicros = stats.cpuUsedMicros;
  of.cpuAtMs = nowMs;
  if (stats.diskLimitBytes === 0) return; // it has just ended: its numbers say nothing any more
  const sample = create(SandboxSampleSchema, {
    ...ownerOf(record),
    at: timestampFromMs(nowMs),
    cpuCount: record.config.vcpu,
    cpuUsedPct: Math.min(100, Math.round(usedPct * 100) / 100),
    memoryUsedBytes: BigInt(stats.memoryUsedBytes),
    memoryTotalBytes: BigInt(stats.memoryLimitBytes),
    memoryCacheBytes: BigInt(stats.memoryCacheBytes),
    diskUsedBytes: BigInt(stats.diskUsedBytes),
    diskTotalBytes: BigInt(stats.diskLimitBytes),
  });
  parts.recorder.addSample(sample);
}

/** What its daemon wrote since the look before, as far as the bounds allow; a line says when they did not. */
export async function readOutput({ guest, record }: LiveSandbox, of: Watched, parts: LookParts): Promise<void> {
  const nowMs = parts.clock.nowMs();
  const output = await guest.machine.readOutput({ fromByte: of.outputByte, maxBytes: limits.guestOutputBytes });
  if (output.sizeBytes === 0) return; // nothing yet, or nobody says: what was read is not read again
  if (output.sizeBytes < of.outputByte) of.outputByte = 0; // cut by somebody inside
  const end = output.bytes.lastIndexOf(0x0a) + 1;
  const isStuck = end === 0 && output.bytes.length === limits.guestOutputBytes;
  of.outputByte += isStuck ? output.bytes.length : end;
  // A warm machine's daemon spoke before there was a sandbox: its lines count from the start.
  const add = (line: GuestLine): void =>
    parts.recorder.addLine({ ...ownerOf(record), ...line, atMs: Math.max(line.atMs, record.startedAtMs) });
  of.linesLeft = Math.min(limits.guestLinesBurst, of.linesLeft + limits.guestLinesPerLook);
  const lines = readGuestLines(new TextDecoder().decode(output.bytes.subarray(0, end)), nowMs);
  const kept = lines.slice(0, of.linesLeft);
  of.linesLeft -= kept.length;
  kept.forEach(add);
  const behindBytes = Math.max(0, output.sizeBytes - of.outputByte);
  const isBehind = behindBytes > limits.guestOutputBytes;
  if (isBehind) of.outputByte = output.sizeBytes;
  const lost = lines.length - kept.length;
  if (lost > 0 || isBehind || isStuck) {
    const fields = { lines: String(lost), bytes: String(isBehind ? behindBytes : 0) };
    add({ atMs: nowMs, level: "warn", logger: "node", message: "more log was written than is kept", fields });
  }
}

function ownerOf({ sandboxId, config }: LiveSandbox["record"]) {
  return { sandboxId, teamId: config.teamId };
}
