/** Which processor this host has: a guest on KVM has seen it, whatever QEMU calls the model. */
import { readFile } from "node:fs/promises";

const FIELDS = ["vendor_id", "cpu family", "model", "stepping"];

/** Pure. `AuthenticAMD/25/17/1`. */
export function processorIn(cpuinfo: string): string {
  return FIELDS.map((name) => new RegExp(`^${name}\\s*: (.+)$`, "m").exec(cpuinfo)?.[1] ?? "?").join("/");
}

/** The model as a seal tells it. An emulated one is the same on every host. */
export async function sealedCpuModel(of: { accelerator: "kvm" | "tcg"; cpuModel: string }): Promise<string> {
  if (of.accelerator === "tcg") return of.cpuModel;
  return `${of.cpuModel} on ${processorIn(await readFile("/proc/cpuinfo", "utf8"))}`;
}
