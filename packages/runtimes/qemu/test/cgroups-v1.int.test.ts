/** On hosts without a cgroup v2 hierarchy machines are found, bounded and ended by their directories of the v1 controllers. */
import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, QEMU_TRAITS, qemuHarness } from "./harness";

const missing = canRunMachines();
const name = "qemu on cgroups v1 alone";
if (missing === undefined)
  runtimeConformance(name, () => qemuHarness("o", { forceCgroupsV1: true }), { ...QEMU_TRAITS, only: "limits" });
else describe(name, () => it.skip(`SKIPPED: ${missing}`, () => undefined));
