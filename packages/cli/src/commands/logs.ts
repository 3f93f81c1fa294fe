import { showLogs } from "@sandlot/stack";
import { command } from "../command";
import { DATA } from "../flags";

export const logsCommand = command({
  name: "logs",
  summary: "Show the services' logs",
  args: [
    { name: "service", help: "api, client-proxy, orchestrator, postgres, redis or supervisor; all when left out" },
  ],
  flags: {
    ...DATA,
    follow: { kind: "switch", help: "go on until Ctrl-C" },
    lines: { kind: "whole", sample: "n", help: "how many lines of each log", fallback: 50 },
  },
  async run({ flags, rest, io, interrupts }) {
    const write = (line: string): void => io.out(line);
    const { data: dataDir, lines, follow } = flags;
    await showLogs({ dataDir, service: rest[0], lines, follow, write, signal: interrupts.first });
    return 0;
  },
});
