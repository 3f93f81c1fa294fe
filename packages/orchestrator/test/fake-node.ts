/** A whole node on the stand-ins of `./fakes`, which can be started again over what the last run left. */
import { silentLogger } from "@sandlot/telemetry";
import type { OrchestratorConfig } from "../src/config";
import type { CrashPoint } from "../src/crash-points";
import { Runtimes } from "../src/runtimes/runtimes";
import { parseCreate } from "../src/sandboxes/parse-create";
import { startNode } from "../src/start-node";
import { createRequest } from "./fakes/create-request";
import type { FakeRuntime } from "./fakes/runtime";
import { FakeSlots } from "./fakes/slots";
import { tempNode } from "./fakes/temp-node";

type More = Parameters<typeof createRequest> extends [string, ...infer R] ? R : never;

export type FakeNode = Awaited<ReturnType<typeof fakeNode>>;

export async function fakeNode(change: Partial<OrchestratorConfig> = {}, others: readonly FakeRuntime[] = []) {
  const temp = tempNode();
  const runtime = temp.runtime();
  const slots = new FakeSlots();
  const cuts: string[] = [];
  /** Where the node hangs for good, which is as good as its death to what was made so far. */
  const crash = { at: undefined as CrashPoint | undefined, reached: Promise.withResolvers<void>() };
  const start = async () =>
    startNode(
      { ...temp.config, ...change },
      {
        ...{
          logger: silentLogger,
          runtimes: new Runtimes({ offered: [runtime, ...others] }),
          slots,
          artifacts: await temp.openArtifacts(),
        },
        cutTraffic: (machineId) => cuts.push(machineId),
        crash: (at) => {
          if (at !== crash.at) return undefined;
          crash.reached.resolve();
          return new Promise<void>(() => undefined);
        },
      },
    );
  let node = await start();
  return {
    temp,
    runtime,
    slots,
    cuts,
    get parts() {
      return node.parts;
    },
    get sandboxes() {
      return node.parts.sandboxes;
    },
    get warm() {
      return node.warm;
    },
    make: (id: string, ...rest: More) => node.parts.sandboxes.create(parseCreate(createRequest(id, ...rest), 0)),
    async restart() {
      await node[Symbol.asyncDispose]();
      node = await start();
    },
    /** Runs `work` until the node dies at `at`, and starts another over what is left. */
    async crashAt(at: CrashPoint, work: () => Promise<unknown>): Promise<void> {
      crash.at = at;
      crash.reached = Promise.withResolvers();
      const worked = work().then(
        () => "worked",
        (thrown: unknown) => `failed: ${thrown}`,
      );
      const outcome = await Promise.race([crash.reached.promise.then(() => undefined), worked]);
      crash.at = undefined;
      if (outcome !== undefined) throw new Error(`${at} was never reached: the call ${outcome}`);
      node = await start();
    },
    async [Symbol.asyncDispose]() {
      await node[Symbol.asyncDispose]();
      for (const { machines } of [runtime, ...others])
        for (const machine of [...machines.values()]) await machine.end();
      temp[Symbol.dispose]();
    },
  };
}
