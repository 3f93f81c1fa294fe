import { lineProgress, restart } from "@sandlot/stack";
import { command } from "../command";
import { DATA } from "../flags";

export const restartCommand = command({
  name: "restart",
  summary: "Restart the services on the newest build; sandboxes live on",
  flags: DATA,
  async run({ flags, io, interrupts, env }) {
    const progress = lineProgress((line) => io.out(line));
    await restart({ dataDir: flags.data, progress, env, signal: interrupts.first });
    progress.say("up", "services restarted");
    return 0;
  },
});
