/** The node as a builder of templates: role `template-manager`. */

import type { BuildMachines } from "@sandlot/builder";
import {
  Builds,
  builderLimits,
  openLayerIndex,
  openPendingLayers,
  type TemplateRouteParts,
  trimCache,
} from "@sandlot/builder";
import { every } from "@sandlot/lifetime";
import { PROVISION_VERSION, parseMirrors, provisionScript, pullImage } from "@sandlot/oci-images";
import { type ArtifactStore, openObjectStore } from "@sandlot/storage";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../config";

export type Builder = AsyncDisposable & { readonly routes: TemplateRouteParts };

/** Disposing of it cancels what is being built and waits until nothing of it is left on the host. */
export async function startBuilder(
  config: OrchestratorConfig,
  of: { machines: BuildMachines; artifacts: ArtifactStore; logger: Logger },
): Promise<Builder> {
  await using held = new AsyncDisposableStack();
  const buildCache = held.use(await openObjectStore(config.storage.buildCache));
  const { machines, artifacts, logger } = of;
  const images = {
    pull: pullImage,
    provisionScript,
    provisionVersion: PROVISION_VERSION,
    mirrors: parseMirrors(config.imageMirrors),
  };
  const index = openLayerIndex(buildCache);
  const pending = openPendingLayers(buildCache, config.nodeId);
  const left = await pending.sweep(artifacts);
  if (left > 0) logger.info("layers of cut builds were removed", { layers: left });
  const builds = held.use(
    new Builds({ machines, artifacts, buildCache, index, pending, images, logger }, { atOnce: config.buildsAtOnce }),
  );
  const trim = async (signal: AbortSignal): Promise<void> => {
    const trimmed = await trimCache({ buildCache, artifacts, nowMs: Date.now() }, signal);
    if (trimmed.entries + trimmed.uploads > 0) logger.info("the build cache was trimmed", trimmed);
  };
  const onError = (thrown: unknown): void => logger.warn("the build cache could not be trimmed", { thrown });
  held.use(every(builderLimits.cacheTrimMs[buildCache.kind], trim, onError));
  const whole = held.move();
  return { routes: { builds, buildCache, logger }, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}
