/** What QEMU's monitor says, one JSON object per line. Nothing is believed beyond its shape. */
import { qemuFaults } from "./faults";

export type QmpFrame =
  | { readonly kind: "greeting"; readonly version: string }
  | { readonly kind: "event"; readonly event: string; readonly data: unknown }
  | { readonly kind: "return"; readonly id: unknown; readonly value: unknown }
  | { readonly kind: "error"; readonly id: unknown; readonly reason: string }
  /** Whatever a later QEMU may say; to be passed over. */
  | { readonly kind: "unknown" };

/** Pure. @throws Fault `qemu_monitor_garbled` when the line is no JSON object */
export function parseQmpLine(line: string): QmpFrame {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    throw qemuFaults.monitor_garbled({ reason: `no JSON: ${line.slice(0, 80)}` });
  }
  if (!isObject(parsed)) throw qemuFaults.monitor_garbled({ reason: `no object: ${line.slice(0, 80)}` });
  if (isObject(parsed.QMP)) return { kind: "greeting", version: versionOf(parsed.QMP) };
  if (typeof parsed.event === "string") return { kind: "event", event: parsed.event, data: parsed.data };
  if ("return" in parsed) return { kind: "return", id: parsed.id, value: parsed.return };
  if (isObject(parsed.error)) return { kind: "error", id: parsed.id, reason: String(parsed.error.desc ?? "no reason") };
  return { kind: "unknown" };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function versionOf(greeting: Record<string, unknown>): string {
  const { version } = greeting;
  const qemu = isObject(version) ? version.qemu : undefined;
  return isObject(qemu) ? [qemu.major, qemu.minor, qemu.micro].join(".") : "unknown";
}

/** Cuts a stream into lines. @throws Fault `qemu_monitor_garbled` for a line without an end */
export class LineCutter {
  readonly #decoder = new TextDecoder();
  readonly #maxBytes: number;
  #rest = "";

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(bytes: Uint8Array): string[] {
    const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length > this.#maxBytes)
      throw qemuFaults.monitor_garbled({ reason: `a line of more than ${this.#maxBytes} bytes` });
    return lines.map((line) => line.trim()).filter((line) => line !== "");
  }
}
