import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, QEMU_TRAITS, qemuHarness } from "./harness";

const missing = canRunMachines();
if (missing === undefined) runtimeConformance("qemu", () => qemuHarness("s"), { ...QEMU_TRAITS, only: "seals" });
else describe("seals of the qemu runtime", () => it.skip(`SKIPPED: ${missing}`, () => undefined));
