import { clientEnv, exportLines, loadSettings } from "@sandlot/stack";
import { command } from "../command";
import { DATA, JSON_OUT } from "../flags";

export const envCommand = command({
  name: "env",
  summary: "Print what a client needs, to be copied or evaluated by a shell",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const env = clientEnv(loadSettings(flags.data));
    io.out(flags.json ? JSON.stringify(env) : exportLines(env));
    return 0;
  },
});
