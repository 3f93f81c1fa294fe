/** From an image's name to a sealed layer. */
import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { Gate } from "@sandlot/lifetime";
import { bootstrapDebian } from "./debian";
import { imageFaults } from "./faults";
import { IMAGE_LIMITS, PARALLEL_LAYERS } from "./limits";
import type { ImageSource, RegistrySource } from "./mirrors";
import { parseConfig } from "./registry/manifest";
import { openImage } from "./registry/registry";
import { sealTree } from "./seal";
import { familyOf, prepareTree, readOsRelease } from "./tree";
import type { ImageLimits, PulledImage, PullImage, PullRequest } from "./types";
import { runJailed } from "./unpack/jail";
import { expandLayer } from "./unpack/layer";
import { type PlainLayer, writeLayout } from "./unpack/layout";

type Unpacked = { readonly env: Readonly<Record<string, string>>; readonly digest: string | undefined };

export const pullImage: PullImage = async (request, signal) => {
  const root = join(request.workDir, "tree/rootfs");
  mkdirSync(join(request.workDir, "tree"), { recursive: true, mode: 0o700 });
  try {
    const { digest, env } = await unpackFirst(request, signal);
    const family = familyOf(readOsRelease(root));
    await prepareTree(root);
    request.onProgress?.("Sealing the image");
    const sealed = await sealTree({ root, layerPath: request.layerPath, uuid: randomUUID() }, signal);
    const pulled: PulledImage = { layerPath: request.layerPath, ...sealed, digest, env, ...family };
    return pulled;
  } finally {
    for (const name of readdirSync(request.workDir)) {
      rmSync(join(request.workDir, name), { recursive: true, force: true });
    }
  }
};

/** Another source is tried only when one cannot be reached: a registry that answers has the last word. */
async function unpackFirst(request: PullRequest, signal?: AbortSignal): Promise<Unpacked> {
  const { reference, sources } = request;
  for (const [i, source] of sources.entries()) {
    try {
      return await unpackFrom(source, request, signal);
    } catch (thrown) {
      if (!isFault(thrown, "image_unreachable") || i === sources.length - 1) throw thrown;
      request.onProgress?.(thrown.message);
    }
  }
  throw imageFaults.bad_reference({ reference, why: "there is no place to fetch it from" });
}

async function unpackFrom(source: ImageSource, request: PullRequest, signal?: AbortSignal): Promise<Unpacked> {
  const onProgress = request.onProgress ?? (() => undefined);
  switch (source.kind) {
    case "registry":
      return await unpackRegistry(source, { request, onProgress, signal });
    case "debian":
      onProgress(`Bootstrapping Debian ${source.suite}`);
      await bootstrapDebian({ suite: source.suite, root: join(request.workDir, "tree/rootfs"), onProgress }, signal);
      return { env: {}, digest: undefined };
    case "template":
      throw imageFaults.bad_reference({ reference: request.reference, why: "it stands for a template" });
  }
}

type Fetch = { request: PullRequest; onProgress: (line: string) => void; signal: AbortSignal | undefined };

async function unpackRegistry(source: RegistrySource, of: Fetch): Promise<Unpacked> {
  const { onProgress, request, signal } = of;
  const limits: ImageLimits = { ...IMAGE_LIMITS, ...request.limits };
  onProgress(`Pulling ${source.repository} from ${new URL(source.origin).host}`);
  const image = await openImage({
    source,
    ...{ reference: request.reference, credentials: request.credentials, blobBytes: limits.blobBytes, signal },
  });
  const { layers } = image.manifest;
  if (layers.length > limits.layers) {
    throw imageFaults.too_large({ what: "the image", limit: `${limits.layers} layers` });
  }
  const { diffIds, env } = parseConfig(image.config, layers.length);
  const budget = { entries: 0, unpackedBytes: 0 };
  const gate = new Gate(PARALLEL_LAYERS);
  const stop = new AbortController();
  const until = AbortSignal.any([stop.signal, ...(signal === undefined ? [] : [signal])]);
  const expand = async (index: number): Promise<PlainLayer> => {
    const layer = layers[index];
    const diffId = diffIds[index] ?? "";
    if (layer === undefined) throw new Error("unreachable: the list has no holes");
    const sent = join(request.workDir, `${index}.sent`);
    const path = join(request.workDir, `${index}.tar`);
    until.throwIfAborted();
    await image.fetchLayer(layer, sent);
    const archive = `layer ${index + 1} of ${layers.length}`;
    const check = { archive, budget, limits, allowsAbsoluteLinks: true };
    const { sizeBytes } = await expandLayer({ from: sent, to: path, diffId, check, signal: until });
    rmSync(sent);
    onProgress(`Fetched ${archive} (${Math.ceil(layer.size / 1024)} KiB)`);
    return { path, diffId, sizeBytes };
  };
  const tasks = layers.map((_, index) => gate.run(() => expand(index)));
  // The first failure ends the others, and all have ended when it is told.
  const failed = Promise.all(tasks).catch(async (thrown) => {
    stop.abort(thrown);
    await Promise.allSettled(tasks);
    throw thrown;
  });
  const plain = await failed;
  onProgress("Unpacking the image");
  await unpackLayout({ workDir: request.workDir, config: image.config, layers: plain, signal });
  return { env, digest: image.digest };
}

async function unpackLayout(of: {
  workDir: string;
  config: Buffer;
  layers: readonly PlainLayer[];
  signal: AbortSignal | undefined;
}): Promise<void> {
  const layout = join(of.workDir, "tree/layout");
  // Two layers may be one and the same tar.
  const distinct = [...new Map(of.layers.map((layer) => [layer.diffId, layer])).values()];
  writeLayout({ dir: layout, config: of.config, layers: of.layers, files: distinct });
  await runJailed({
    step: "unpacking",
    argv: ["/usr/bin/umoci", "raw", "unpack", "--image", "/work/layout:image", "/work/rootfs"],
    workDir: join(of.workDir, "tree"),
    jailDir: join(of.workDir, "jail"),
    signal: of.signal,
  });
  rmSync(layout, { recursive: true, force: true });
}
