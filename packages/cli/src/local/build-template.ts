/** Builds a template through the API, as any client does, and tells how it goes. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { components } from "@sandlot/contracts/rest";
import { run } from "@sandlot/host";
import { sleep } from "@sandlot/lifetime";
import { cliFaults } from "../faults";
import type { LocalApi } from "./api";
import { contextOf, type FileStep, type FoundRecipe } from "./template-recipe";

type Registered = components["schemas"]["TemplateRequestResponseV3"];
type Status = components["schemas"]["TemplateBuildInfo"];
export type BuildLine = components["schemas"]["BuildLogEntry"];

const POLL_MS = 250;

/** @throws Fault `cli_build_failed` with the build's reason; the signal's reason when interrupted (the build goes on) */
export async function buildTemplate(
  api: LocalApi,
  of: { found: FoundRecipe; force: boolean; isPublic: boolean; onLine: (line: BuildLine) => void },
  signal: AbortSignal,
): Promise<{ templateId: string; buildId: string }> {
  const { name, cpuCount, memoryMB, fromTemplate, fromImage, startCmd, readyCmd } = of.found.recipe;
  const registration = { name, ...(cpuCount && { cpuCount }), ...(memoryMB && { memoryMB }) };
  const registered = await api.ask({ method: "POST", path: "/v3/templates", body: registration });
  const { templateID: templateId, buildID: buildId } = registered.json as Registered;
  const steps = [];
  for (const step of of.found.recipe.steps) steps.push(await sayStep(api, { step, templateId, found: of.found }));
  const body = { fromTemplate, fromImage, steps, startCmd, readyCmd, force: of.force };
  await api.ask({ method: "POST", path: `/v2/templates/${templateId}/builds/${buildId}`, body });
  await follow(api, { templateId, buildId, onLine: of.onLine }, signal);
  // Publishing claims the bare name, under which everybody finds it.
  if (of.isPublic) await api.ask({ method: "PATCH", path: `/templates/${templateId}`, body: { public: true } });
  return { templateId, buildId };
}

async function follow(
  api: LocalApi,
  of: { templateId: string; buildId: string; onLine: (line: BuildLine) => void },
  signal: AbortSignal,
): Promise<void> {
  for (let offset = 0; ; ) {
    const path = `/templates/${of.templateId}/builds/${of.buildId}/status?logsOffset=${offset}`;
    const status = (await api.ask({ method: "GET", path })).json as Status;
    for (const line of status.logEntries) of.onLine(line);
    offset += status.logEntries.length;
    if (status.logEntries.length > 0) continue;
    if (status.status === "ready") return;
    if (status.status === "error") {
      throw cliFaults.build_failed({ step: status.reason?.step, message: status.reason?.message ?? "no reason given" });
    }
    await sleep(POLL_MS, signal);
  }
}

async function sayStep(api: LocalApi, of: { step: FileStep; templateId: string; found: FoundRecipe }) {
  const { context: _, ...step } = of.step;
  const folder = contextOf(of.step, of.found);
  if (folder === undefined) return step;
  const scratch = await mkdtemp(join(tmpdir(), "sandlot-context-"));
  try {
    const tar = join(scratch, "context.tar");
    // The same files give the same bytes, so that the hash names what is in them and a build finds its cache again.
    const stable = ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner"];
    await run(["tar", ...stable, "-C", folder, "-cf", tar, "."]);
    const filesHash = await hashOf(tar);
    const path = `/templates/${of.templateId}/files/${filesHash}`;
    const link = (await api.ask({ method: "GET", path })).json as { present: boolean; url?: string };
    if (!link.present && link.url !== undefined) await put(link.url, tar);
    return { ...step, filesHash };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

async function put(url: string, path: string): Promise<void> {
  const { size } = await stat(path);
  const status = await new Promise<number>((resolve, reject) => {
    const sent = request(url, { method: "PUT", agent: false, headers: { "Content-Length": size } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    sent.on("error", reject);
    pipeline(createReadStream(path), sent).catch(reject);
  });
  if (status >= 300) throw cliFaults.api_refused({ status, message: "the upload of a step's files was refused" });
}
