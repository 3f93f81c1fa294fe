/**
 * The node's door for whoever builds templates in this process: machines that are nobody's sandbox, worked on through their
 * envd and sealed. They take their turn among the cold starts, are not listed, and end with this run of the node at the
 * latest: the journal knows them as `starting` for good.
 */
import { basename } from "node:path";
import { create } from "@bufbuild/protobuf";
import type { BuildMachine, BuildMachines, StartBuildMachine } from "@sandlot/builder";
import { SandboxConfigSchema } from "@sandlot/contracts/orchestrator";
import { OPEN_EGRESS } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { initEnvd } from "../guests/envd-door";
import type { Guest, StartGuest } from "../guests/guest";
import type { GuestEnds } from "../guests/guest-ends";
import { type GuestDefaults, initBodyFor } from "../guests/init-body";
import type { MachineRecipe } from "../guests/machine-recipe";
import { requireDiskRoom } from "../info/disk-watermark";
import { memoryProblem } from "../seals/memory-problem";
import { requireSealable, type SealParts } from "../seals/seal-build";
import { ENVD_VERSION } from "../version";

export type BuildMachinesParts = SealParts & {
  /** Where machines' own disks lie. */
  readonly basePath: string;
  readonly startGuest: (of: StartGuest, signal: AbortSignal) => Promise<Guest>;
  readonly recipe: MachineRecipe;
  readonly ends: Pick<GuestEnds, "end" | "discard">;
  readonly defaults: GuestDefaults;
};

const EGRESS = { booted: OPEN_EGRESS, restored: OPEN_EGRESS };

export function openBuildMachines(parts: BuildMachinesParts): BuildMachines {
  return {
    get runtimes() {
      return parts.runtimes.names;
    },
    guestLayer: basename(parts.recipe.guestLayer),
    kernelOf: (runtime) => parts.runtimes.of(runtime).facts?.kernel,
    memoryProblem: (runtime) => memoryProblem({ ...parts, runtime: parts.runtimes.of(runtime) }),
    async whyUnrestorable({ runtime, buildId, cpuCount, memoryMiB, diskMiB }, signal) {
      const shape = { runtime, buildId, cpuCount, memoryMiB, diskMiB };
      try {
        const guest = await parts.startGuest({ shape, times: {}, policy: EGRESS }, signal);
        await parts.ends.end(guest, {});
        return undefined;
      } catch (thrown) {
        if (isFault(thrown, "machine_seal_unreadable")) return thrown.message;
        throw thrown;
      }
    },
    async start(of, signal) {
      await requireDiskRoom({ path: parts.basePath, reserveMiB: parts.diskReserveMiB });
      const { runtime, cpuCount, memoryMiB, diskMiB, fromBuildId } = of;
      const shape = { runtime, buildId: fromBuildId, cpuCount, memoryMiB, diskMiB };
      const guest = await parts.startGuest(
        { shape, times: {}, filesystemBoot: true, isWorkbench: true, policy: EGRESS },
        signal,
      );
      try {
        await introduce(parts, of, guest, signal);
      } catch (thrown) {
        parts.ends.discard(guest);
        throw thrown;
      }
      return machineOf(parts, guest);
    },
  };
}

/** Tells its envd the node's certificates and proxies and what it is called. It stays without a token. */
async function introduce(parts: BuildMachinesParts, of: StartBuildMachine, guest: Guest, signal: AbortSignal) {
  const { sandboxId, templateId, buildId } = of;
  const config = create(SandboxConfigSchema, { sandboxId, templateId, buildId });
  const { defaults } = parts;
  const body = () => initBodyFor({ config, defaults, defaultUser: "root", defaultWorkdir: "/", nowMs: Date.now() });
  await initEnvd({ address: guest.machine.address, body, signal });
}

function machineOf(parts: BuildMachinesParts, guest: Guest): BuildMachine {
  const { machine } = guest;
  return {
    address: machine.address,
    ended: machine.ended,
    guestLayer: basename(machine.guestLayerDir),
    envdVersion: ENVD_VERSION, // it booted with this release's, whatever its build was made with
    async seal(request, signal) {
      await requireSealable(parts, { guest, memory: request.memory });
      await machine.freeze();
      try {
        return await machine.seal({ ...request, onWritten: () => machine.thaw() }, signal);
      } finally {
        await machine.thaw();
      }
    },
    [Symbol.asyncDispose]: () => parts.ends.end(guest, {}),
  };
}
