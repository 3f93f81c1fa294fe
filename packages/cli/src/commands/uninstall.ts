import { canonical, lineProgress, uninstall } from "@sandlot/stack";
import { command } from "../command";
import { cliFaults } from "../faults";
import { DATA } from "../flags";

export const uninstallCommand = command({
  name: "uninstall",
  summary: "End everything and remove the data, the systemd unit, and with --cache the base layers",
  details: "Removes only what sandlot made. Debian packages that up installed stay.",
  flags: {
    ...DATA,
    yes: { kind: "switch", help: "do it: data and sandboxes are gone for good" },
    cache: { kind: "switch", help: "also /var/cache/sandlot, which all installations of this machine share" },
    "unit-dir": { kind: "text", sample: "dir", help: "where systemd looks for units (/etc/systemd/system)" },
  },
  async run({ flags, io, interrupts }) {
    const dataDir = canonical(flags.data);
    if (!flags.yes) throw cliFaults.needs_yes({ what: `this ends all sandboxes and removes ${dataDir}` });
    const progress = lineProgress((line) => io.out(line));
    const unitDir = flags["unit-dir"];
    const { wasThere, kept } = await uninstall({
      dataDir,
      withCache: flags.cache,
      progress,
      force: interrupts.first,
      ...(unitDir && { unitDir }),
    });
    if (!wasThere) io.out(`there is no installation on ${dataDir}`);
    for (const path of kept) io.out(`not ours, and left there: ${path}`);
    return 0;
  },
});
