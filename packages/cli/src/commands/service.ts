/** `service install|remove`: the installation comes up with the machine. */
import { canonical, installUnit, removeUnit } from "@sandlot/stack";
import { type CommandSpec, command } from "../command";
import { DATA } from "../flags";

const FLAGS = {
  ...DATA,
  "unit-dir": { kind: "text", sample: "dir", help: "where systemd looks for units (/etc/systemd/system)" },
} as const;

const install = command({
  name: "service install",
  summary: "Let systemd bring the installation up with the machine",
  details:
    "Starts nothing now: systemctl start does, after sandlot down if it is up already. Stopping the service ends the\n" +
    "watching only; sandboxes live on until sandlot down.",
  flags: FLAGS,
  async run({ flags, io }) {
    const unitDir = flags["unit-dir"];
    const { path } = await installUnit({ dataDir: canonical(flags.data), ...(unitDir && { unitDir }) });
    io.out(`wrote ${path}`);
    return 0;
  },
});

const remove = command({
  name: "service remove",
  summary: "Take the systemd unit away; what runs goes on",
  flags: FLAGS,
  async run({ flags, io }) {
    const unitDir = flags["unit-dir"];
    const path = await removeUnit({ dataDir: canonical(flags.data), ...(unitDir && { unitDir }) });
    io.out(path === undefined ? "there was none" : `removed ${path}`);
    return 0;
  },
});

export const serviceCommands: readonly CommandSpec[] = [install, remove];
