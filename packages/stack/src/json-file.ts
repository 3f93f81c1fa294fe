/** Small JSON files that are written whole or not at all. */
import { chmodSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { stackFaults } from "./faults";

/** Undefined when there is no such file. @throws Fault `stack_unreadable` when it holds no JSON object */
export function readJson(path: string): Record<string, unknown> | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw stackFaults.unreadable({ path, why: (thrown as Error).message }, thrown);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Said below, with the path.
  }
  throw stackFaults.unreadable({ path, why: "it holds no JSON object" });
}

export function writeJson(path: string, value: unknown, mode = 0o644): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, `${JSON.stringify(value, null, 2)}\n`, { mode });
  chmodSync(fresh, mode);
  renameSync(fresh, path);
}
