import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, QEMU_TRAITS, qemuHarness } from "./harness";

const missing = canRunMachines();
if (missing === undefined) runtimeConformance("qemu", () => qemuHarness("q"), { ...QEMU_TRAITS, only: "machines" });
else describe("qemu runtime", () => it.skip(`SKIPPED: ${missing}`, () => undefined));
