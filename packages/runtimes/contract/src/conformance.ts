/**
 * What every runtime must show, whatever isolates its machines. Run under `bun test` with a harness that brings a real
 * runtime, a base with at least a shell, and the stand-in (`../stand-in`) in the place of envd.
 */
import { afterAll, beforeAll, describe, expect } from "bun:test";
import { diskSealCases } from "./conformance/disk-seals";
import { identityCases } from "./conformance/identity";
import { lifeCases } from "./conformance/life";
import { limitsCases } from "./conformance/limits";
import { memorySealCases } from "./conformance/memory-seals";
import { refusalCases } from "./conformance/refusals";
import { residueCases } from "./conformance/residue";
import { restartsCases } from "./conformance/restarts";
import { sealFailureCases } from "./conformance/seal-failures";
import { type ConformanceHarness, Suite, TEST_MS } from "./conformance/suite";
import { wallsCases } from "./conformance/walls";

export type { Answer, ConformanceHarness, Place } from "./conformance/suite";
export { keepEverything, Suite, whatIsWrong } from "./conformance/suite";

/** @param memory whether this host can seal memory; without, those cases count as skipped */
export function runtimeConformance(
  name: string,
  makeHarness: () => Promise<ConformanceHarness>,
  { memory }: { memory: boolean },
): void {
  describe(`${name} runtime`, () => {
    const suite = new Suite();
    beforeAll(async () => suite.open(await makeHarness()), TEST_MS);
    afterAll(async () => expect(await suite.close()).toEqual([]), TEST_MS);

    lifeCases(suite);
    limitsCases(suite);
    wallsCases(suite);
    identityCases(suite);
    restartsCases(suite);
    residueCases(suite);
    diskSealCases(suite);
    memorySealCases(suite, memory);
    sealFailureCases(suite, memory);
    refusalCases(suite, memory);
  });
}
