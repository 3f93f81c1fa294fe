import { canonical, down, lineProgress } from "@sandlot/stack";
import { command } from "../command";
import { DATA } from "../flags";

export const downCommand = command({
  name: "down",
  summary: "End all sandboxes, services and servers; the data stays",
  flags: DATA,
  async run({ flags, io, interrupts }) {
    const progress = lineProgress((line) => io.out(line));
    const hadSomething = await down({ dataDir: flags.data, progress, force: interrupts.first });
    if (hadSomething) progress.say("down", "nothing is left");
    else io.out(`nothing runs on ${canonical(flags.data)}`);
    return 0;
  },
});
