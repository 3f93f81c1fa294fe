/** A builder that builds nothing: a test says how a build goes on. */
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ConnectRouter } from "@connectrpc/connect";
import {
  TemplateBuildLogEntrySchema,
  TemplateBuildMetadataSchema,
  TemplateBuildReasonSchema,
  TemplateBuildState,
  type TemplateBuildStatusResponse,
  TemplateBuildStatusResponseSchema,
  type TemplateCreateRequest,
  TemplateService,
} from "@sandlot/contracts/template";
import { sleep } from "@sandlot/lifetime";

export type FakeBuild = { readonly request: TemplateCreateRequest; readonly answer: TemplateBuildStatusResponse };

export type FakeBuilder = {
  readonly builds: Map<string, FakeBuild>;
  readonly cancelled: { buildId: string; why: string }[];
  /** Hashes that it says are there. */
  readonly files: Set<string>;
  say(buildId: string, message: string, of?: { level?: string; step?: string }): void;
  finish(buildId: string, of?: { runtimes?: string[]; kernelVersion?: string }): void;
  fail(buildId: string, reason: { message: string; step: string }): void;
  serve(router: ConnectRouter): void;
};

export function fakeBuilder(): FakeBuilder {
  const builds = new Map<string, FakeBuild>();
  const cancelled: FakeBuilder["cancelled"] = [];
  const files = new Set<string>();
  const need = (buildId: string): FakeBuild => {
    const found = builds.get(buildId);
    if (found === undefined) throw new ConnectError("unknown build", Code.NotFound);
    return found;
  };
  return {
    ...{ builds, cancelled, files },
    say(buildId, message, { level = "info", step = "" } = {}) {
      const entry = { timestamp: timestampFromMs(Date.now()), message, level, step };
      need(buildId).answer.logEntries.push(create(TemplateBuildLogEntrySchema, entry));
    },
    finish(buildId, of = {}) {
      const { answer } = need(buildId);
      const sizes = { rootfsSizeBytes: 5n, memoryBytes: 7n, envdVersion: "0.6.13" };
      answer.metadata = create(TemplateBuildMetadataSchema, { ...sizes, ...of });
      answer.status = TemplateBuildState.Completed;
    },
    fail(buildId, reason) {
      const { answer } = need(buildId);
      answer.reason = create(TemplateBuildReasonSchema, reason);
      answer.status = TemplateBuildState.Failed;
    },
    serve(router) {
      router.service(TemplateService, {
        templateCreate(request) {
          const answer = create(TemplateBuildStatusResponseSchema, { status: TemplateBuildState.Building });
          builds.set(request.template?.buildId ?? "", { request, answer });
          return {};
        },
        async templateBuildStatus({ buildId, offset, limit, waitMs }) {
          const { answer } = need(buildId);
          const until = Date.now() + waitMs;
          while (
            answer.logEntries.length <= offset &&
            answer.status === TemplateBuildState.Building &&
            Date.now() < until
          )
            await sleep(10);
          return { ...answer, logEntries: answer.logEntries.slice(offset, offset + limit) };
        },
        templateBuildDelete({ buildId, why }) {
          cancelled.push({ buildId, why });
          builds.delete(buildId);
          return {};
        },
        initLayerFileUpload: ({ hash }) => ({ present: files.has(hash), url: "" }),
      });
    },
  };
}
