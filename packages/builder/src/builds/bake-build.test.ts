import { expect, test } from "bun:test";
import { silentLogger } from "@sandlot/telemetry";
import type { BuildParts } from "../phases/build-parts";
import { bakeBuild } from "./bake-build";

const RECIPE = { teamId: "t", templateId: "base", buildId: "b", cpuCount: 2, memoryMiB: 512, diskMiB: 1_024 };

/** A node that has `b.qemu`, and starts no machine. @param of.kernel that of what it has */
function nodeWith(of: { kernel: string; problem?: string; tries?: () => Promise<undefined> }) {
  const removed: string[] = [];
  const manifests: Record<string, unknown> = {
    b: { layers: [{}], user: "u", workdir: "", envs: {} },
    "b.qemu": { kernel: of.kernel, memory: { guestLayer: "g1" } },
  };
  const parts = {
    machines: {
      runtimes: ["qemu"],
      guestLayer: "g1",
      kernelOf: () => "6.1",
      memoryProblem: () => undefined,
      whyUnrestorable: of.tries ?? (async () => of.problem),
      start: async () => {
        throw new Error("a machine is started");
      },
    },
    artifacts: {
      has: async () => true,
      load: async (id: string) => ({ manifest: manifests[id] }),
      remove: async (ids: readonly string[]) => void removed.push(...ids),
    },
    logger: silentLogger,
  } as unknown as BuildParts;
  const bake = () => bakeBuild(parts, { recipe: RECIPE, runtime: "qemu" }, new AbortController().signal);
  return { bake, removed };
}

test("keeps what was baked while machines start from it", async () => {
  const { bake, removed } = nodeWith({ kernel: "6.1" });
  expect(await bake()).toMatchObject({ wasThere: true, kernel: "6.1" });
  expect(removed).toEqual([]);
});

test("keeps what was baked where no machine can be started to try it", async () => {
  const tries = () => Promise.reject(new Error("no slot is free"));
  const { bake, removed } = nodeWith({ kernel: "6.1", tries });
  expect(await bake()).toMatchObject({ wasThere: true });
  expect(removed).toEqual([]);
});

test.each([
  ["of another kernel", { kernel: "5.10" }],
  ["that this host cannot start from", { kernel: "6.1", problem: "QEMU's version was 7.2 and is 10.0" }],
])("bakes anew what is %s", async (_, of) => {
  const { bake, removed } = nodeWith(of);
  await expect(bake()).rejects.toThrow("a machine is started");
  expect(removed).toContain("b.qemu");
});
