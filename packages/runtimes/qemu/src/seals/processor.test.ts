import { expect, it } from "bun:test";
import { processorIn, sealedCpuModel } from "./processor";

it("tells processors apart where a guest has seen the real one", async () => {
  const cpuinfo =
    "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: EPYC\nstepping\t: 1\n";
  expect(processorIn(cpuinfo)).toBe("AuthenticAMD/25/17/1");
  expect(processorIn("")).toBe("?/?/?/?");
  expect(await sealedCpuModel({ accelerator: "tcg", cpuModel: "Nehalem" })).toBe("Nehalem");
  expect(await sealedCpuModel({ accelerator: "kvm", cpuModel: "host" })).toMatch(/^host on .+\/.+\/.+\/.+$/);
});
