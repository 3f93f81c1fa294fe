/** Shows and follows the services' logs. */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";
import { basename, join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { stackFaults } from "../faults";
import { pathsOf } from "../paths";
import { canonical } from "../settings";

const CHUNK_BYTES = 256 * 1024;
const FOLLOW_GAP_MS = 200;

/** Names of the logs there are. */
export function logNames(dataDir: string): string[] {
  const { logs } = pathsOf(canonical(dataDir));
  return existsSync(logs)
    ? readdirSync(logs)
        .filter((name) => name.endsWith(".log"))
        .map((name) => basename(name, ".log"))
        .sort()
    : [];
}

/**
 * Writes the last `lines` of one log, or of each with its name in front; with `follow`, goes on until the signal.
 * @throws Fault `stack_setting_invalid` for a name that has no log
 */
export async function showLogs(of: {
  dataDir: string;
  service: string | undefined;
  lines: number;
  follow: boolean;
  write: (line: string) => void;
  signal: AbortSignal;
}): Promise<void> {
  const names = logNames(of.dataDir);
  if (of.service !== undefined && !names.includes(of.service)) {
    throw stackFaults.setting_invalid({ flag: "the service", want: `one of ${names.join(", ")}`, got: of.service });
  }
  const { logs } = pathsOf(canonical(of.dataDir));
  const chosen = of.service === undefined ? names : [of.service];
  const tails = chosen.map((name) => ({
    path: join(logs, `${name}.log`),
    prefix: chosen.length > 1 ? `${name} | ` : "",
    at: 0,
    rest: "",
  }));
  for (const tail of tails) {
    const size = sizeOf(tail.path);
    const text = readFrom(tail.path, Math.max(0, size - CHUNK_BYTES), size);
    tail.at = size;
    for (const line of text
      .split("\n")
      .filter((row) => row !== "")
      .slice(-of.lines))
      of.write(tail.prefix + line);
  }
  while (of.follow && !of.signal.aborted) {
    for (const tail of tails) follow(tail, of.write);
    await sleep(FOLLOW_GAP_MS, of.signal).catch(() => undefined);
  }
}

function follow(tail: { path: string; prefix: string; at: number; rest: string }, write: (line: string) => void): void {
  const size = sizeOf(tail.path);
  if (size < tail.at) tail.at = 0; // cut by rotation
  const end = Math.min(size, tail.at + CHUNK_BYTES);
  const lines = (tail.rest + readFrom(tail.path, tail.at, end)).split("\n");
  tail.at = end;
  tail.rest = lines.pop() ?? "";
  for (const line of lines) write(tail.prefix + line);
}

function sizeOf(path: string): number {
  return existsSync(path) ? Bun.file(path).size : 0;
}

function readFrom(path: string, from: number, to: number): string {
  if (to <= from) return "";
  const file = openSync(path, "r");
  try {
    const buffer = Buffer.alloc(Math.min(to, fstatSync(file).size) - from);
    const length = buffer.length === 0 ? 0 : readSync(file, buffer, 0, buffer.length, from);
    return buffer.toString("utf8", 0, length);
  } finally {
    closeSync(file);
  }
}
