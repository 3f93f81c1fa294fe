/** A node's process that starts and ends machines until it is killed. Run by node-dies.int.test.ts. */
import { systemClock } from "@sandlot/lifetime";
import type { MachineSlot } from "@sandlot/runtime-contract";
import { silentLogger } from "@sandlot/telemetry";
import { type FirecrackerRuntimeConfig, startFirecrackerRuntime } from "../src/index";

type Given = { readonly config: FirecrackerRuntimeConfig; readonly slot: MachineSlot; readonly layer: string };

const { config, slot, layer }: Given = JSON.parse(process.argv[2] ?? "");
const runtime = await startFirecrackerRuntime(config, { log: silentLogger, clock: systemClock });
process.stdout.write("begun\n");
for (let count = 0; ; count += 1) {
  const machine = await runtime.start(
    {
      machineId: `n${process.pid}-${count}`,
      build: { buildId: "b1", layers: [{ kind: "directory", path: layer }] },
      limits: { cpuCount: 1, memoryMiB: 16, diskMiB: 16, pidsMax: 64 },
      slot,
      hostname: "box",
    },
    AbortSignal.timeout(20_000),
  );
  await machine.freeze();
  await machine.end();
}
