/** What virtual machines need before the node starts, where any were asked for. */
import { existsSync } from "node:fs";
import { stackFaults } from "../faults";
import { ensureVmHost } from "../guest-kernel/ensure-kernel";
import { lastKernelFailure, listKernels } from "../guest-kernel/find-kernel";
import type { Progress } from "../progress";

/** By the setting alone: `auto` is for the node to decide, and needs something to try only where the processor offers it. */
export function wantsVms(runtime: string, hasKvm = existsSync("/dev/kvm")): boolean {
  return runtime === "auto" ? hasKvm : runtime.split(",").some((name) => name !== "container");
}

/**
 * @returns the guests' kernel; where no virtual machines were asked for, one that happens to be there
 * @throws Fault `stack_packages_failed`, `stack_no_guest_kernel`
 */
export async function prepareVms(
  runtime: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<{ directory: string } | undefined> {
  // Machines of an earlier choice live on until they end, and the node needs what they need.
  if (!wantsVms(runtime)) return listKernels()[0];
  const kernel = await ensureVmHost(progress, signal);
  if (kernel === undefined && runtime !== "auto")
    throw stackFaults.no_guest_kernel({ runtime, why: lastKernelFailure() ?? "unknown" });
  return kernel;
}
