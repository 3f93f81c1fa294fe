/** Places for builds in the making: on the artifacts' own file system, so that committing is renaming. */
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestLayer, StagedBuild } from "../artifact-store";
import type { Holds } from "./holds";
import type { Layout } from "./layout";

export async function stageBuild(of: {
  layout: Layout;
  holds: Holds;
  layers: readonly ManifestLayer[];
}): Promise<StagedBuild> {
  const directory = join(of.layout.staging, crypto.randomUUID());
  await mkdir(directory, { mode: 0o755 });
  const held = of.holds.hold(of.layers.map(of.layout.layer));
  return {
    directory,
    async [Symbol.asyncDispose]() {
      held[Symbol.dispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What earlier runs began and never committed. */
export async function emptyStaging(layout: Layout): Promise<void> {
  for (const name of await readdir(layout.staging))
    await rm(join(layout.staging, name), { recursive: true, force: true });
}
