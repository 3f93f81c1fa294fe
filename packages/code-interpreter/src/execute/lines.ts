/** A kernel's messages as the lines that clients read. */
import type { JupyterMessage } from "../jupyter/messages";
import { type ResultLine, resultLine } from "./mime";

export type OutputLine =
  | ResultLine
  | { readonly type: "stdout" | "stderr"; readonly text: string; readonly timestamp: number }
  | { readonly type: "error"; readonly name: string; readonly value: string; readonly traceback: string }
  | { readonly type: "number_of_executions"; readonly execution_count: number }
  | { readonly type: "keepalive" | "end_of_execution" };

/**
 * Undefined for what clients are not told: states, and changes of a display already shown.
 * @param nowMs unix time; lines carry it in nanoseconds
 */
export function lineOf({ type, content }: JupyterMessage, nowMs: number): OutputLine | undefined {
  switch (type) {
    case "stream":
      return {
        type: content.name === "stderr" ? "stderr" : "stdout",
        text: String(content.text),
        timestamp: nowMs * 1e6,
      };
    case "execute_result":
    case "display_data":
      return resultLine(asRecord(content.data), type === "execute_result");
    case "error":
      return errorLine(content);
    case "execute_input":
      return { type: "number_of_executions", execution_count: Number(content.execution_count) };
    default:
      return undefined;
  }
}

export function errorLine(content: Readonly<Record<string, unknown>>): OutputLine {
  const { ename, evalue, traceback } = content;
  const lines = Array.isArray(traceback) ? traceback.map(String) : [];
  return { type: "error", name: String(ename ?? ""), value: String(evalue ?? ""), traceback: lines.join("\n") };
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * One line of the answer, in ASCII: the JavaScript client decodes each piece it receives by itself, and a character cut in two
 * would come out as two others.
 */
export function encodeLine(line: OutputLine): string {
  const json = JSON.stringify(line);
  const ascii = json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
  return `${ascii}\n`;
}
