import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { canRunMachines, containerHarness } from "./harness";

const missing = canRunMachines();
if (missing === undefined) {
  runtimeConformance("container", () => containerHarness("t"));
  runtimeConformance("container with loop layers and path overlays", () =>
    containerHarness("u", { forceLoopLayers: true, forceOverlayPaths: true }),
  );
  runtimeConformance("container on cgroups v1 alone", () => containerHarness("v", { forceCgroupsV1: true }));
} else {
  describe("container runtime", () => it.skip(`SKIPPED: ${missing}`, () => undefined));
}
