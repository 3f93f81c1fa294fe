/** From the last layer to a template: a fresh machine, set up, its start command running and ready, sealed with its memory. */

import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import type { BuildManifest } from "@sandlot/storage";
import type { CachedLayer } from "../cache/layer-index";
import { builderFaults } from "../faults";
import { runInGuest } from "../guest/process";
import { runScript, sayProblem } from "../guest/script";
import { limits } from "../limits";
import type { BuildMachine } from "../machines";
import type { Recipe, StepContext } from "../recipe";
import { shellCommand } from "../steps/step-run";
import type { Base } from "./base-phase";
import type { BuildParts } from "./build-parts";
import { CONFIGURE_SCRIPT } from "./configure-script";
import type { Progress } from "./progress";
import type { Workbench } from "./workbench";

type Work = {
  readonly recipe: Recipe;
  readonly bench: Workbench;
  readonly progress: Progress;
  readonly signal: AbortSignal;
};
type Commands = { readonly start: string; readonly ready: string; readonly context: StepContext };

export async function finalizePhase(
  parts: BuildParts,
  work: Work,
  of: { base: Base; layer: CachedLayer },
): Promise<BuildManifest> {
  const { recipe, bench, progress } = work;
  progress.enter({ step: "finalize", prefix: "finalize" });
  progress.phase({ what: "Finalizing template build" });
  const commands = commandsOf(recipe, of);
  const { savesMemory, memoryProblem } = parts.machines;
  // What starts nothing boots faster than it would be restored: docs/decisions/0009.
  const memory = savesMemory && commands.start !== "";
  await bench.afresh(of.layer.buildId);
  await bench.on(of.layer.buildId, async (machine, alive) => {
    await configure(machine, { recipe, progress }, alive);
    await untilReady({ machine, commands, progress }, alive);
  });
  progress.say("Template is ready");
  const facts = { context: finalContext(recipe, of.layer.context), startCmd: commands.start, readyCmd: commands.ready };
  if (!savesMemory && commands.start !== "") {
    progress.say(
      `This node saves no machine's memory (${memoryProblem ?? "unknown"}): the start command will not be running in sandboxes`,
      "warn",
    );
  }
  try {
    return await bench.sealResult(facts, memory);
  } catch (thrown) {
    if (!isFault(thrown, "machine_unsealable")) throw thrown;
    if (commands.start !== "") throw builderFaults.unsealable({ why: thrown.message }, thrown);
    progress.say(`Saved without memory: ${thrown.message}`, "warn");
    return await bench.sealResult(facts, false);
  }
}

/** Neither given: the parent's pair, with the context it was made for. */
function commandsOf(recipe: Recipe, of: { base: Base; layer: CachedLayer }): Commands {
  const { startCmd: start, readyCmd: ready } = recipe;
  const parent = of.base.parent?.manifest;
  if (start !== "" || ready !== "" || parent === undefined) return { start, ready, context: of.layer.context };
  const { user, workdir, envs } = parent;
  const context = { user, workdir: workdir === "" ? undefined : workdir, envs };
  return { start: parent.startCmd ?? "", ready: parent.readyCmd ?? "", context };
}

/** Recipes of older clients say nothing of the user that sandboxes get. */
function finalContext(recipe: Recipe, context: StepContext): StepContext {
  if (recipe.version === "v2.1.0") return { ...context, workdir: context.workdir ?? homeOf(context.user) };
  return { ...context, user: "user", workdir: "/home/user" };
}

function homeOf(user: string): string {
  return user === "root" ? "/root" : `/home/${user}`;
}

async function configure(
  machine: BuildMachine,
  { recipe, progress }: { recipe: Recipe; progress: Progress },
  signal: AbortSignal,
): Promise<void> {
  const ended = await runScript(
    {
      address: machine.address,
      script: CONFIGURE_SCRIPT,
      args: [recipe.templateId, recipe.buildId],
      onLine: (line, from) => progress.output(line, from, { level: "debug" }),
    },
    signal,
  );
  if (ended.problem !== undefined) throw builderFaults.configure_failed({ why: sayProblem(ended) });
}

type Starting = { readonly machine: BuildMachine; readonly commands: Commands; readonly progress: Progress };

/** @throws Fault `build_start_failed`, `build_ready_timed_out` */
async function untilReady({ machine, commands, progress }: Starting, signal: AbortSignal): Promise<void> {
  const listening = new AbortController();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  const running =
    commands.start === ""
      ? undefined
      : startInBackground(
          { machine, commands, progress, onFailure: failed.reject },
          AbortSignal.any([signal, listening.signal]),
        );
  const stop = AbortSignal.any([signal, listening.signal]);
  try {
    await Promise.race([pollReady({ machine, commands, progress }, stop), failed.promise]);
  } finally {
    // The command lives on: only our listening to it ends, so that no connection of ours is in what is sealed.
    listening.abort(new Error("the template is ready"));
    await running?.catch(() => undefined);
  }
}

async function startInBackground(
  of: Starting & { onFailure: (fault: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const { machine, commands, progress } = of;
  progress.say(`Running start command: ${commands.start}`);
  const lastLines: string[] = [];
  const { problem } = await runInGuest(
    {
      address: machine.address,
      user: commands.context.user,
      ...shellCommand(commands.start, commands.context),
      timeoutMs: limits.buildMs,
      onLine(line, from) {
        progress.output(line, from, { prefix: "start" });
        lastLines.push(line);
        if (lastLines.length > limits.lastLines) lastLines.shift();
      },
    },
    signal,
  );
  if (problem !== undefined) of.onFailure(builderFaults.start_failed({ why: problem, lastLines }));
}

async function pollReady({ machine, commands, progress }: Starting, signal: AbortSignal): Promise<void> {
  const { withStart, without } = limits.defaultReadySeconds;
  const ready = commands.ready === "" ? `sleep ${commands.start === "" ? without : withStart}` : commands.ready;
  if (commands.ready !== "" || commands.start !== "") progress.say(`Waiting for template to be ready: ${ready}`);
  const giveUpAtMs = Date.now() + limits.readyMs;
  for (let gapMs: number = limits.readyFirstGapMs; ; gapMs = Math.min(gapMs * 2, limits.readyGapMs)) {
    const leftMs = giveUpAtMs - Date.now();
    if (leftMs <= 0) throw builderFaults.ready_timed_out({ limitMs: limits.readyMs });
    const { problem } = await runInGuest(
      {
        address: machine.address,
        user: commands.context.user,
        ...shellCommand(ready, commands.context),
        timeoutMs: leftMs,
        onLine: (line, from) => progress.output(line, from, { level: "debug", prefix: "ready" }),
      },
      signal,
    ).catch((thrown) => {
      if (isFault(thrown, "build_step_too_long"))
        throw builderFaults.ready_timed_out({ limitMs: limits.readyMs }, thrown);
      throw thrown;
    });
    if (problem === undefined) return;
    // A user that does not exist never will.
    if (problem.startsWith("unauthenticated"))
      throw builderFaults.command_failed({ command: ready, why: `command failed: ${problem}`, lastLines: [] });
    await sleep(gapMs, signal);
  }
}
