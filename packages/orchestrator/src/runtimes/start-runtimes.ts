/** Which runtimes this node has: what was asked for, what `auto` comes to here, and what machines of earlier runs need. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { RUNTIME_NAMES, type RuntimeName } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import type { Runtime } from "@sandlot/runtime-contract";
import type { Logger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../config";
import { Journal } from "../journal/journal";
import { limits } from "../limits";
import { type OpenRuntime, openRuntime } from "./open-runtime";
import { Runtimes } from "./runtimes";

type Parts = { readonly open: OpenRuntime; readonly hasKvm: () => boolean };

const HOST: Parts = { open: openRuntime, hasKvm: () => existsSync("/dev/kvm") };

/**
 * Those of the configuration, and those that machines of earlier runs were made by: they are looked after until they end.
 * @throws Fault `node_runtime_unusable` when one that was asked for by its name cannot be had
 */
export async function startRuntimes(
  config: OrchestratorConfig,
  logger: Logger,
  parts: Parts = HOST,
): Promise<AsyncDisposable & { readonly runtimes: Runtimes }> {
  await using held = new AsyncDisposableStack();
  const open = async (name: RuntimeName): Promise<Runtime> => held.use(await parts.open(name, config, logger));
  const offered: Runtime[] = [];
  const notes: string[] = [];
  if (config.runtimes === "auto") {
    offered.push(await open("container"));
    const { runtime, note } = await tryMicroVms(open, parts);
    notes.push(note);
    if (runtime !== undefined) offered.push(runtime);
  } else for (const name of config.runtimes) offered.push(await open(name));
  const retired: Runtime[] = [];
  for (const name of journaledRuntimes(config)) {
    if (offered.some((runtime) => runtime.name === name)) continue;
    try {
      retired.push(await open(name));
      notes.push(`${name}: only machines of earlier runs are kept, no new ones are made`);
    } catch (thrown) {
      if (!isFault(thrown, "node_runtime_unusable")) throw thrown;
      notes.push(`${name}: machines of earlier runs cannot be looked after: ${thrown.message}`);
    }
  }
  const runtimes = new Runtimes({ offered, retired, notes });
  logger.info("runtimes", { offered: runtimes.names, notes });
  const whole = held.move();
  return { runtimes, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** All that may have left something here, for a sweep. One that cannot be had any more has nothing that could be found. */
export async function startAllRuntimes(
  config: OrchestratorConfig,
  logger: Logger,
  parts: Parts = HOST,
): Promise<AsyncDisposable & { readonly runtimes: readonly Runtime[] }> {
  await using held = new AsyncDisposableStack();
  const used = new Set<RuntimeName>(["container", ...journaledRuntimes(config)]);
  if (config.runtimes !== "auto") for (const name of config.runtimes) used.add(name);
  for (const name of RUNTIME_NAMES) if (existsSync(join(config.basePath, name))) used.add(name);
  const runtimes: Runtime[] = [];
  for (const name of used) {
    try {
      runtimes.push(held.use(await parts.open(name, config, logger)));
    } catch (thrown) {
      if (!isFault(thrown, "node_runtime_unusable")) throw thrown;
      logger.warn("a runtime cannot be asked what it has left", { runtime: name, thrown });
    }
  }
  const whole = held.move();
  return { runtimes, [Symbol.asyncDispose]: () => whole.disposeAsync() };
}

/** MicroVMs that are worth having unasked: those that the processor itself runs, proven by a machine that boots. */
async function tryMicroVms(
  open: (name: RuntimeName) => Promise<Runtime>,
  { hasKvm }: Parts,
): Promise<{ runtime?: Runtime; note: string }> {
  if (!hasKvm()) return { note: "auto: containers alone, for there is no /dev/kvm" };
  try {
    const runtime = await open("qemu");
    const { usable, problems } = await runtime.probe(AbortSignal.timeout(limits.autoProbeMs));
    if (!usable) return { note: `auto: containers alone, for qemu does not work here: ${problems.join("; ")}` };
    if (runtime.facts?.acceleration !== "kvm")
      return {
        note: "auto: containers alone, for no guest boots on /dev/kvm; --runtime container,qemu takes software",
      };
    return { runtime, note: "auto: containers, and qemu, since a guest boots on /dev/kvm" };
  } catch (thrown) {
    return {
      note: `auto: containers alone, for qemu cannot be had: ${thrown instanceof Error ? thrown.message : thrown}`,
    };
  }
}

/** By the last run's journal, which may not be there. */
function journaledRuntimes({ basePath }: OrchestratorConfig): RuntimeName[] {
  const path = join(basePath, "journal.sqlite");
  if (!existsSync(path)) return [];
  using journal = new Journal(path);
  return [...new Set(journal.readAll().map(({ machine }) => machine.shape.runtime))];
}
