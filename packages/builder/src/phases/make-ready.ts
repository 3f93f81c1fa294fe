/** What turns a machine on a template's disk into what is sealed of it: set up, its start command running and ready. */
import { isFault } from "@sandlot/faults";
import { sleep } from "@sandlot/lifetime";
import { builderFaults } from "../faults";
import { runInGuest } from "../guest/process";
import { runScript, sayProblem } from "../guest/script";
import { limits } from "../limits";
import type { BuildMachine } from "../machines";
import type { StepContext } from "../recipe";
import { shellCommand } from "../steps/step-run";
import { CONFIGURE_SCRIPT } from "./configure-script";
import type { Progress } from "./progress";
import type { BenchRecipe } from "./workbench";

/** Empty: none. */
export type Commands = { readonly start: string; readonly ready: string; readonly context: StepContext };

/** @throws Fault `build_configure_failed`, `build_start_failed`, `build_ready_timed_out` */
export async function makeReady(
  machine: BuildMachine,
  of: { recipe: BenchRecipe; commands: Commands; progress: Progress },
  signal: AbortSignal,
): Promise<void> {
  await configure(machine, of, signal);
  await untilReady({ machine, commands: of.commands, progress: of.progress }, signal);
}

async function configure(
  machine: BuildMachine,
  { recipe, progress }: { recipe: BenchRecipe; progress: Progress },
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
