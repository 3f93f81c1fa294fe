/** The builder's gRPC door: TemplateService. */
import { create } from "@bufbuild/protobuf";
import { EmptySchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ConnectRouter } from "@connectrpc/connect";
import {
  InitLayerFileUploadResponseSchema,
  TemplateBakeResponseSchema,
  type TemplateBuildLogEntry,
  TemplateBuildLogEntrySchema,
  TemplateBuildMetadataSchema,
  TemplateBuildReasonSchema,
  TemplateBuildState,
  type TemplateBuildStatusResponse,
  TemplateBuildStatusResponseSchema,
  TemplateService,
} from "@sandlot/contracts/template";
import { Fault } from "@sandlot/faults";
import { toConnect } from "@sandlot/faults/wire";
import { type ObjectStore, storedMemoryBytes } from "@sandlot/storage";
import type { Logger } from "@sandlot/telemetry";
import type { Builds, BuildView } from "../builds/builds";
import { filesKey } from "../cache/layer-index";
import { limits } from "../limits";
import type { LogEntry } from "../logs/build-log";
import { parseBake, parseRecipe } from "./parse-recipe";

export type TemplateRouteParts = {
  readonly builds: Builds;
  readonly buildCache: ObjectStore;
  readonly logger: Logger;
};

export function templateRoutes(parts: TemplateRouteParts): (router: ConnectRouter) => void {
  const { builds, buildCache, logger } = parts;
  const guarded =
    <A, R>(route: (request: A, context: { signal: AbortSignal }) => Promise<R>) =>
    async (request: A, context: { signal: AbortSignal }): Promise<R> => {
      try {
        return await route(request, context);
      } catch (thrown) {
        if (!(thrown instanceof Fault)) logger.error("a call failed unexpectedly", { thrown });
        throw toConnect(thrown);
      }
    };
  return (router) => {
    router.service(TemplateService, {
      templateCreate: guarded(async (request) => {
        builds.create(parseRecipe(request));
        return create(EmptySchema);
      }),
      templateBuildStatus: guarded(async ({ buildId, offset, limit, waitMs }) => {
        const wanted = { buildId, offset: Math.max(0, offset), limit: Math.min(limit || 100, limits.statusEntries) };
        return sayView(await builds.read({ ...wanted, waitMs: Math.min(waitMs, limits.statusWaitMs) }));
      }),
      templateBuildDelete: guarded(async ({ buildId, why }) => {
        await builds.cancel({ buildId, why });
        return create(EmptySchema);
      }),
      templateBake: guarded(async (request, { signal }) => {
        const baked = await builds.bake(parseBake(request), signal);
        const { wasThere, kernel = "", memoryProblem = "" } = baked;
        return create(TemplateBakeResponseSchema, { wasThere, kernelVersion: kernel, memoryProblem });
      }),
      initLayerFileUpload: guarded(async ({ hash, cacheScope }) => {
        const key = filesKey(cacheScope, hash);
        const found = await buildCache.head(key, AbortSignal.timeout(limits.lookMs));
        // A bucket takes files itself; a directory has no door, so the api takes them.
        const url = (await buildCache.uploadLink({ key, ttlSeconds: limits.uploadLinkSeconds })) ?? "";
        return create(InitLayerFileUploadResponseSchema, { present: found !== undefined, url });
      }),
    });
  };
}

const STATES = { completed: TemplateBuildState.Completed, failed: TemplateBuildState.Failed } as const;

function sayView({ outcome, entries }: BuildView): TemplateBuildStatusResponse {
  const answer = create(TemplateBuildStatusResponseSchema, {
    status: outcome === undefined ? TemplateBuildState.Building : STATES[outcome.kind],
    logEntries: entries.map(sayEntry),
  });
  if (outcome?.kind === "failed") {
    answer.reason = create(TemplateBuildReasonSchema, { message: outcome.message, step: outcome.step });
  }
  if (outcome?.kind === "completed") {
    const { layers, envdVersion, runtimes = ["container"] } = outcome.manifest;
    answer.metadata = create(TemplateBuildMetadataSchema, {
      rootfsSizeBytes: BigInt(layers.reduce((total, { sizeBytes }) => total + sizeBytes, 0)),
      memoryBytes: BigInt(storedMemoryBytes(outcome.manifest)),
      envdVersion,
      runtimes: [...runtimes],
      kernelVersion: outcome.kernel ?? "",
    });
  }
  return answer;
}

function sayEntry({ atMs, message, level, step }: LogEntry): TemplateBuildLogEntry {
  return create(TemplateBuildLogEntrySchema, { timestamp: timestampFromMs(atMs), message, level, step });
}
