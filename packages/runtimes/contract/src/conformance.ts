/**
 * What every runtime must show, whatever isolates its machines. Run under `bun test` with a harness that brings a real
 * runtime, a base with at least a shell, and the stand-in (`../stand-in`) in the place of envd.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { diskSealCases } from "./conformance/disk-seals";
import { guestKernelCases } from "./conformance/guest-kernel";
import { identityCases } from "./conformance/identity";
import { lifeCases } from "./conformance/life";
import { limitsCases } from "./conformance/limits";
import { memorySealCases } from "./conformance/memory-seals";
import { refusalCases } from "./conformance/refusals";
import { residueCases } from "./conformance/residue";
import { restartsCases } from "./conformance/restarts";
import { sealFailureCases } from "./conformance/seal-failures";
import { type ConformanceHarness, Suite, TEST_MS, type Traits } from "./conformance/suite";
import { wallsCases } from "./conformance/walls";

export type { Answer, ConformanceHarness, Place, Traits } from "./conformance/suite";
export { keepEverything, type Running, type Sealed, Suite, sealedAt, whatIsWrong } from "./conformance/suite";

export function runtimeConformance(name: string, makeHarness: () => Promise<ConformanceHarness>, traits: Traits): void {
  describe(`${name} runtime`, () => {
    const { disk = true, memory } = traits;
    const suite = new Suite(traits);
    beforeAll(async () => suite.open(await makeHarness()), TEST_MS);
    afterAll(async () => expect(await suite.close()).toEqual([]), TEST_MS);

    if (traits.only !== "seals") limitsCases(suite);
    if (traits.only === "limits") return;
    if (traits.only !== "seals") {
      lifeCases(suite);
      if (traits.ownKernel === true) guestKernelCases(suite);
      else wallsCases(suite);
      identityCases(suite);
      restartsCases(suite);
      residueCases(suite);
    }
    if (traits.only === "machines") return;
    if (disk) diskSealCases(suite);
    memorySealCases(suite, memory);
    if (disk) sealFailureCases(suite, memory);
    refusalCases(suite, memory);
  });
}
