import { supervise } from "@sandlot/stack";
import { startLogger } from "@sandlot/telemetry";
import { command } from "../command";
import { DATA } from "../flags";

/** What `up --detach` leaves behind. */
export const superviseCommand = command({
  name: "supervise",
  summary: "Watch an installation's processes and bring back what dies",
  isHidden: true,
  flags: DATA,
  async run({ flags, interrupts }) {
    const watch = supervise({ dataDir: flags.data, log: startLogger("supervisor") });
    await new Promise((done) => interrupts.first.addEventListener("abort", done, { once: true }));
    await watch[Symbol.asyncDispose]();
    return 0;
  },
});
