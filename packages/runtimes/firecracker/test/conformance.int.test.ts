/**
 * The contract's suite on the real Firecracker: where `SANDLOT_TEST_FIRECRACKER` names a versions file, a kernel is there, and a
 * guest boots. Everywhere else one test is skipped, and says why.
 */
import { describe, it } from "bun:test";
import { runtimeConformance } from "@sandlot/runtime-contract/conformance";
import { realHarness, whyNoRealMachines } from "./real-harness";

const missing = await whyNoRealMachines();
if (missing === undefined) runtimeConformance("firecracker", () => realHarness("r"), { memory: true, ownKernel: true });
else describe("firecracker runtime", () => it.skip(`SKIPPED, not proven here: ${missing}`, () => undefined));
