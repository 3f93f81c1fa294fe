/** Makes the base template for virtual machines: boots one from it and keeps its memory, so that sandboxes need not boot. */
import { createClient } from "@connectrpc/connect";
import { TemplateService } from "@sandlot/contracts/template";
import { noteBuildRuntimes, openDatabase } from "@sandlot/db";
import { isRuntimeName, type RuntimeName } from "@sandlot/domain";
import { sleep } from "@sandlot/lifetime";
import { BASE_SHAPE } from "../base/install";
import { stackFaults } from "../faults";
import type { Progress } from "../progress";
import { type NodeRuntime, nodeTransport, readNode } from "../services/node-info";
import { wantsVms } from "./prepare-vms";

const LOOK_MS = 200;
/** A trial boots a machine, first on KVM where there is something by that name, which may hang, then in software. */
const PROVEN_WITHIN_MS = 120_000;
/** The node's own limit is shorter. */
const BAKED_WITHIN_MS = 320_000;

type BakeBase = {
  readonly grpcPort: number;
  readonly connectionString: string;
  readonly buildId: string;
  /** The setting. */
  readonly runtime: string;
  readonly progress: Progress;
  readonly signal: AbortSignal | undefined;
};

/**
 * Idempotent: some milliseconds when it was made before, by this kernel and on this guest layer. Afterwards the database says
 * what `base` runs on.
 * @throws Fault `stack_runtime_unusable`, `stack_bake_failed`
 */
export async function bakeBase(of: BakeBase): Promise<void> {
  if (!wantsVms(of.runtime)) return;
  const { notes, runtimes } = await untilProven(of);
  for (const note of notes) of.progress.say("runtime", note);
  const baked: RuntimeName[] = [];
  let kernelVersion = "";
  for (const runtime of runtimes) {
    const { name, problems } = runtime;
    if (!isRuntimeName(name)) continue;
    if (problems.length > 0 && name !== "container")
      throw stackFaults.runtime_unusable({ runtime: name, problems: problems.join("; ") });
    if (name !== "container") kernelVersion = await bake(of, runtime);
    baked.push(name);
  }
  await using db = openDatabase({ connectionString: of.connectionString });
  // It was installed as trees, which containers always read: asked for by its layers it still runs there.
  const all: RuntimeName[] = baked.includes("container") ? baked : ["container", ...baked];
  await noteBuildRuntimes(db, { buildId: of.buildId, runtimes: all, kernelVersion });
}

async function bake(of: BakeBase, { name, acceleration }: NodeRuntime): Promise<string> {
  const { progress, buildId } = of;
  const startMs = performance.now();
  const how = acceleration === "tcg" ? " in software, which takes a while" : "";
  progress.say("base", `making the base template for ${name}${how}`);
  const client = createClient(TemplateService, nodeTransport(of.grpcPort, BAKED_WITHIN_MS));
  const { cpuCount: vcpuCount, memoryMiB: memoryMb, diskMiB: diskSizeMb } = BASE_SHAPE;
  const request = { templateId: "base", buildId, runtime: name, vcpuCount, memoryMb, diskSizeMb };
  const answer = await client
    .templateBake(request, of.signal === undefined ? {} : { signal: of.signal })
    .catch((thrown: Error) => {
      of.signal?.throwIfAborted();
      throw stackFaults.bake_failed({ runtime: name, why: thrown.message });
    });
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  const memory = answer.memoryProblem === "" ? "" : `, without memory: ${answer.memoryProblem}`;
  progress.say("base", answer.wasThere ? `is made for ${name}` : `made for ${name} in ${seconds} s${memory}`);
  return answer.kernelVersion;
}

async function untilProven(of: BakeBase) {
  const untilMs = Date.now() + PROVEN_WITHIN_MS;
  for (;;) {
    const says = await readNode(of.grpcPort);
    const waiting = says?.runtimes.filter(({ name, isProven }) => name !== "container" && !isProven) ?? [];
    if (says !== undefined && waiting.length === 0) return says;
    if (Date.now() > untilMs) {
      const names = waiting.map(({ name }) => name).join(", ") || of.runtime;
      throw stackFaults.runtime_unusable({ runtime: names, problems: "no trial machine has come up so far" });
    }
    await sleep(LOOK_MS, of.signal);
  }
}
