import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, qemuHarness } from "./harness";

const missing = canRunMachines();
if (missing === undefined)
  runtimeConformance("qemu", () => qemuHarness("q"), {
    memory: false,
    disk: false,
    ownKernel: true,
    slow: true,
    fewRounds: process.env.SANDLOT_SOAK !== "1",
  });
else describe("qemu runtime", () => it.skip(`SKIPPED: ${missing}`, () => undefined));
