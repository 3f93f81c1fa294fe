import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, containerHarness, testCriu } from "./harness";

const missing = canRunMachines();
if (missing === undefined) {
  const can = { memory: testCriu() !== undefined };
  const oldKernel = { forceLoopLayers: true, forceOverlayPaths: true };
  runtimeConformance("container", () => containerHarness("t"), can);
  runtimeConformance("container with loop layers and path overlays", () => containerHarness("u", oldKernel), can);
  runtimeConformance("container on cgroups v1 alone", () => containerHarness("v", { forceCgroupsV1: true }), can);
} else {
  describe("container runtime", () => it.skip(`SKIPPED: ${missing}`, () => undefined));
}
