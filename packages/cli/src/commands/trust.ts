import { distrustAuthority, loadSettings, pathsOf, trustAuthority } from "@sandlot/stack";
import { command } from "../command";
import { DATA } from "../flags";

export const trustCommand = command({
  name: "trust",
  summary: "Let this machine's programs trust the installation's certificates",
  details:
    "Adds the installation's own authority to the system's list (update-ca-certificates); it can vouch for names below the\n" +
    "installation's domain and for nothing else. Browsers and Node.js have lists of their own: import the printed file there, or\n" +
    "set NODE_EXTRA_CA_CERTS to it.",
  flags: { ...DATA, remove: { kind: "switch", help: "take it away again" } },
  async run({ flags, io }) {
    const settings = loadSettings(flags.data);
    const done = flags.remove ? await distrustAuthority(settings) : await trustAuthority(settings);
    if (flags.remove) io.out(done.hasChanged ? `removed ${done.path}` : "it was not trusted");
    else {
      io.out(`${done.hasChanged ? "added" : "there already:"} ${done.path}`);
      io.out(`for programs with a list of their own: ${pathsOf(settings.dataDir).edgeCa}`);
    }
    return 0;
  },
});
