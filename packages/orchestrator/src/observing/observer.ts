/** Measures every live sandbox every few seconds and reads what its daemon wrote. Cheap: a handful of small reads each. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { SandboxSampleSchema } from "@sandlot/contracts/orchestrator";
import { type Clock, every, Gate } from "@sandlot/lifetime";
import { limits } from "../limits";
import type { LiveSandbox } from "../sandboxes/sandboxes";
import { type GuestLine, readGuestLines } from "./guest-lines";
import type { Recorder } from "./recorder";

/** What is remembered of a machine from one look to the next. */
type Watched = {
  dueMs: number;
  cpuUsedMicros: number;
  cpuAtMs: number;
  outputByte: number;
  /** Lines it may still write before the node stops reading; grows again with time. */
  linesLeft: number;
};

export type ObserverParts = {
  readonly list: () => readonly LiveSandbox[];
  readonly recorder: Recorder;
  readonly clock: Clock;
  readonly onError: (thrown: unknown) => void;
  /** Other times than those of `limits`, for tests. */
  readonly pace?: { readonly tickMs: number; readonly firstMs: number; readonly sampleMs: number };
};

const PACE = { tickMs: limits.observeTickMs, firstMs: limits.firstSampleMs, sampleMs: limits.sampleMs };

/** The first sample of a sandbox is there about a second after it is first seen, further ones every `limits.sampleMs`. */
export function startObserver(parts: ObserverParts): AsyncDisposable {
  const { clock, recorder, pace = PACE } = parts;
  const watched = new Map<string, Watched>();
  const gate = new Gate(limits.samplesAtOnce);
  const startedMs = clock.nowMs();

  async function look(sandbox: LiveSandbox): Promise<void> {
    const { machineId, machine } = sandbox.guest;
    const found = watched.get(machineId);
    if (found === undefined) {
      const { cpuUsedMicros } = await machine.stats();
      // Of a sandbox taken over from an earlier run, what was written before has been read before.
      const isOld = sandbox.record.startedAtMs < startedMs;
      const outputByte = isOld ? (await machine.readOutput({ fromByte: 0, maxBytes: 0 })).sizeBytes : 0;
      const nowMs = clock.nowMs();
      const linesLeft = limits.guestLinesBurst;
      watched.set(machineId, { dueMs: nowMs + pace.firstMs, cpuUsedMicros, cpuAtMs: nowMs, outputByte, linesLeft });
      return;
    }
    if (clock.nowMs() < found.dueMs) return;
    found.dueMs = clock.nowMs() + pace.sampleMs;
    await measure(sandbox, found);
    await readOutput(sandbox, found);
  }

  async function measure({ guest, record }: LiveSandbox, of: Watched): Promise<void> {
    const stats = await guest.machine.stats();
    const nowMs = clock.nowMs();
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
    recorder.addSample(sample);
  }

  async function readOutput({ guest, record }: LiveSandbox, of: Watched): Promise<void> {
    const nowMs = clock.nowMs();
    const output = await guest.machine.readOutput({ fromByte: of.outputByte, maxBytes: limits.guestOutputBytes });
    if (output.sizeBytes < of.outputByte) of.outputByte = 0; // cut by somebody inside
    const end = output.bytes.lastIndexOf(0x0a) + 1;
    const isStuck = end === 0 && output.bytes.length === limits.guestOutputBytes;
    of.outputByte += isStuck ? output.bytes.length : end;
    // A warm machine's daemon spoke before there was a sandbox: its lines count from the start.
    const add = (line: GuestLine): void =>
      recorder.addLine({ ...ownerOf(record), ...line, atMs: Math.max(line.atMs, record.startedAtMs) });
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

  return every(
    pace.tickMs,
    async () => {
      const live = parts.list();
      const ids = new Set(live.map(({ guest }) => guest.machineId));
      for (const machineId of watched.keys()) if (!ids.has(machineId)) watched.delete(machineId);
      // One that fails is one that is ending; the next look tells.
      await Promise.all(live.map((sandbox) => gate.run(() => look(sandbox)).catch(parts.onError)));
    },
    parts.onError,
  );
}

function ownerOf({ sandboxId, config }: LiveSandbox["record"]) {
  return { sandboxId, teamId: config.teamId };
}
