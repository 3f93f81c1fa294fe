/** Reads what PID 1's standard output has received, without following any path that the machine's root could bend. */
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { MachineOutput } from "@sandlot/runtime-contract";
import { isAlive, type ProcessRecord } from "@sandlot/runtime-host";

const NONE: MachineOutput = { bytes: new Uint8Array(), sizeBytes: 0 };

/**
 * `/proc/<pid>/fd/1` leads to the open file itself, whatever lies at its name by now; only a plain file is read, so a
 * pipe or terminal put in its place cannot hold us.
 */
export async function readOutput(of: {
  init: ProcessRecord;
  fromByte: number;
  maxBytes: number;
}): Promise<MachineOutput> {
  const path = `/proc/${of.init.pid}/fd/1`;
  const seen = await stat(path).catch(() => undefined);
  if (seen === undefined || !seen.isFile()) return NONE;
  if (seen.size <= of.fromByte) return { bytes: NONE.bytes, sizeBytes: (await isAlive(of.init)) ? seen.size : 0 };
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY).catch(() => undefined);
  if (file === undefined) return NONE;
  try {
    const info = await file.stat();
    // Looked at after the file was opened: the pid may have become another process' since the machine died.
    if (!info.isFile() || !(await isAlive(of.init))) return NONE;
    const buffer = new Uint8Array(Math.min(of.maxBytes, Math.max(0, info.size - of.fromByte)));
    const { bytesRead } = await file.read(buffer, 0, buffer.length, of.fromByte);
    return { bytes: buffer.subarray(0, bytesRead), sizeBytes: info.size };
  } finally {
    await file.close();
  }
}
