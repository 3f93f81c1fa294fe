/** `key=value` lines that a guest answers. Numbers come checked or not at all. */
import { microvmFaults } from "../faults";

export function parseLines(bytes: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of new TextDecoder().decode(bytes).split("\n").slice(0, 32)) {
    const equals = line.indexOf("=");
    if (equals > 0) found.set(line.slice(0, equals), line.slice(equals + 1, equals + 257));
  }
  return found;
}

/** @throws Fault `microvm_agent_garbled` unless it is a whole number from 0 to 2^53 */
export function numberOf(lines: ReadonlyMap<string, string>, key: string): number {
  const text = lines.get(key) ?? "";
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw microvmFaults.agent_garbled({ reason: `it tells no number for ${key}` });
  return value;
}
