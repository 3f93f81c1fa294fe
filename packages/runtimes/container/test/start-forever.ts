/** A node that starts machines without end, to be killed at any moment: `start-forever.ts <config JSON> <base JSON>`. */
import { systemClock } from "@sandlot/lifetime";
import { silentLogger } from "@sandlot/telemetry";
import { startContainerRuntime } from "../src/index";

const [config, base] = process.argv.slice(2).map((text) => JSON.parse(text));
const runtime = await startContainerRuntime(config, { log: silentLogger, clock: systemClock });
process.stdout.write("open\n");
for (let count = 0; ; count += 1) {
  await runtime.start(
    {
      machineId: `c${process.pid}-${count}`,
      build: { buildId: "crash", layers: [base] },
      limits: { cpuCount: 1, memoryMiB: 64, diskMiB: 64, pidsMax: 32 },
      slot: {
        netnsPath: config.netns,
        address: "",
        guestCidr: "169.254.0.21/30",
        guestGateway: "169.254.0.22",
        hostLink: `guest${count}`,
        mtu: 1400,
      },
      hostname: "crash",
    },
    AbortSignal.timeout(20_000),
  );
}
