import { describe, expect, it } from "bun:test";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { COMMIT_STEPS } from "../src/artifacts/commit";
import { openArtifactStore } from "../src/artifacts/open-artifact-store";
import { commitDraft, type Draft, makeGuestLayer, NOTHING_PINNED, soon, tempDir } from "./fixtures";

async function commitAndDie(directory: string, step: string, draft: Draft): Promise<string> {
  const words = [join(import.meta.dir, "commit-child.ts"), directory, step, JSON.stringify(draft)];
  const child = Bun.spawn([process.execPath, ...words], { stdout: "pipe", stderr: "inherit" });
  const said = await new Response(child.stdout).text();
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
  return said.trim();
}

describe("a process that dies while it commits", () => {
  it.each([...COMMIT_STEPS, "never"])(
    "leaves a whole build or none: %s",
    async (step) => {
      await using dir = await tempDir();
      await makeGuestLayer(dir.path);
      const draft = { buildId: "snap", layer: "upper", memory: "pages" };
      const said = await commitAndDie(dir.path, step, draft);
      await using store = await openArtifactStore({ directory: dir.path, nowMs: () => Date.now() + 120_000 });
      const isThere = await store.has("snap", soon());
      // What has been answered is there; what has not been may be, from the moment it is whole.
      expect([said, isThere]).toEqual([
        step === "never" ? "committed" : "",
        step === "never" || step === "build placed",
      ]);
      expect(await readdir(join(dir.path, "staging"))).toEqual([]);
      if (!isThere) {
        await store.collect(NOTHING_PINNED);
        expect(await readdir(join(dir.path, "layers"))).toEqual([]);
        await makeGuestLayer(dir.path);
        await commitDraft(store, draft);
      }
      const { layerPaths, memoryDir } = await store.load("snap", soon());
      expect(await readFile(layerPaths[0] ?? "", "utf8")).toBe("upper");
      expect((await readdir(memoryDir ?? "")).sort()).toEqual(["core-1.img", "pages-1.img"]);
    },
    60_000,
  );

  it("leaves alone what other builds need of the layers it had placed", async () => {
    await using dir = await tempDir();
    {
      await using store = await openArtifactStore({ directory: dir.path });
      await commitDraft(store, { buildId: "first", layer: "the same" });
    }
    await commitAndDie(dir.path, "layer placed", { buildId: "second", layer: "the same" });
    await using store = await openArtifactStore({ directory: dir.path, nowMs: () => Date.now() + 120_000 });
    expect(await store.collect(NOTHING_PINNED)).toBe(0);
    expect(await readFile((await store.load("first", soon())).layerPaths[0] ?? "", "utf8")).toBe("the same");
  }, 60_000);
});
