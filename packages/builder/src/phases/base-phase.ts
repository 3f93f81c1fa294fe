/** What a build stands on: another template's layers, or an image that is fetched, unpacked and made fit once per team. */
import { randomUUID } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { imageSources } from "@sandlot/oci-images";
import type { LoadedBuild } from "@sandlot/storage";
import type { CachedLayer } from "../cache/layer-index";
import { baseKey } from "../cache/layer-keys";
import { builderFaults } from "../faults";
import { runScript, sayProblem } from "../guest/script";
import { limits } from "../limits";
import type { Recipe, RecipeBase } from "../recipe";
import type { BuildParts } from "./build-parts";
import { isUsable } from "./cached-layer";
import type { Progress } from "./progress";
import type { Workbench } from "./workbench";

export type Base = { readonly layer: CachedLayer; readonly key: string; readonly parent: LoadedBuild | undefined };
type Work = {
  readonly recipe: Recipe;
  readonly bench: Workbench;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};

export async function basePhase(parts: BuildParts, work: Work): Promise<Base> {
  const { recipe, progress } = work;
  progress.enter({ step: "base", prefix: "base" });
  const key = baseKey(recipe.base, { provision: parts.images.provisionVersion, runtime: work.bench.runtime });
  if (recipe.base.kind === "template") return fromTemplate(parts, work, { base: recipe.base, key });
  const what = `FROM ${recipe.base.reference}`;
  const { cacheScope: scope } = recipe;
  const found = recipe.force ? undefined : await parts.index.find({ scope, key }, work.signal);
  if (found !== undefined && (await isUsable(parts, found, work.signal))) {
    progress.phase({ what, key, isCached: true });
    return { layer: found, key, parent: undefined };
  }
  progress.phase({ what, key });
  const note = (layer: CachedLayer) => parts.index.put({ scope, key, layer }, work.signal);
  return { layer: await fromImage(parts, work, { base: recipe.base, note }), key, parent: undefined };
}

async function fromTemplate(
  parts: BuildParts,
  { progress, signal }: Work,
  of: { base: RecipeBase & { kind: "template" }; key: string },
): Promise<Base> {
  const { base, key } = of;
  const what = base.isImage ? `FROM ${base.alias}` : `FROM TEMPLATE ${base.alias}`;
  progress.phase({ what, key, isCached: true });
  let parent: LoadedBuild;
  try {
    parent = await parts.artifacts.load(base.buildId, signal);
  } catch (thrown) {
    if (isFault(thrown, "storage_missing")) throw builderFaults.base_missing({}, thrown);
    throw thrown;
  }
  const { user, workdir, envs } = parent.manifest;
  // Of an image only the variables count; who works in it and where is the recipe's.
  const context = base.isImage
    ? { user: "root", workdir: undefined, envs }
    : { user, workdir: workdir === "" ? undefined : workdir, envs };
  return {
    layer: { buildId: base.buildId, context, isLayer: false, sizeBytes: 0 },
    key,
    parent: base.isImage ? undefined : parent,
  };
}

async function fromImage(
  parts: BuildParts,
  { bench, progress, signal }: Work,
  of: { base: RecipeBase & { kind: "image" }; note: (layer: CachedLayer) => Promise<void> },
): Promise<CachedLayer> {
  const { base } = of;
  const inTime = AbortSignal.any([signal, AbortSignal.timeout(limits.baseMs)]);
  const { buildId, env, family } = await pullAsBuild(parts, { base, progress }, inTime);
  const context = { user: "root", workdir: undefined, envs: env };
  progress.say("Provisioning sandbox template");
  await bench.on(buildId, async (machine, alive) => {
    const ended = await runScript(
      {
        address: machine.address,
        script: parts.images.provisionScript(family),
        timeoutMs: limits.baseMs,
        onLine: (line, from) => progress.output(line, from, { level: "debug" }),
      },
      alive,
    );
    if (ended.problem !== undefined) throw builderFaults.configure_failed({ why: sayProblem(ended) });
  });
  const provisioned = await bench.sealLayer({ context }, of.note);
  await bench.settle();
  await parts.artifacts.remove([buildId], signal); // its layer lives on below the provisioned one
  await parts.pending.end(buildId);
  return provisioned;
}

/** The image as a build of one layer, nothing done to it yet. */
async function pullAsBuild(
  parts: BuildParts,
  of: { base: RecipeBase & { kind: "image" }; progress: Progress },
  signal: AbortSignal,
) {
  const { reference, credentials } = of.base;
  await using staged = await parts.artifacts.stage();
  const workDir = join(staged.directory, "work");
  await mkdir(workDir);
  const pulled = await parts.images.pull(
    {
      reference,
      sources: imageSources(reference, parts.images.mirrors).filter(({ kind }) => kind !== "template"),
      credentials,
      workDir,
      layerPath: join(staged.directory, "image.erofs"),
      onProgress: (line) => of.progress.say(line),
    },
    signal,
  );
  const buildId = randomUUID();
  const manifest = {
    version: 2,
    buildId,
    createdAt: new Date().toISOString(),
    layers: [{ sha256: pulled.sha256, sizeBytes: pulled.sizeBytes }],
    ...{ user: "root", workdir: "", envs: pulled.env, envdVersion: "" },
  } as const;
  await parts.pending.begin(buildId);
  await parts.artifacts.commit({ manifest, staged, layer: "image.erofs" });
  return { buildId, env: pulled.env, family: pulled.family };
}
