/** A systemd unit that brings an installation up with the machine. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "@sandlot/host";
import { stackFaults } from "../faults";
import { CHECKOUT, DEFAULT_DATA_DIR } from "../paths";
import { readSettings, tagOf } from "../settings";

export const UNIT_DIR = "/etc/systemd/system";
/** First line of every unit of ours: what lacks it was made by somebody else and is left alone. */
const MARK = "# Made by `sandlot service install`; `sandlot service remove` takes it away.";

/** One per installation; the one on the default directory has the plain name. */
export function unitName(dataDir: string): string {
  if (dataDir === DEFAULT_DATA_DIR) return "sandlot.service";
  return `sandlot-${readSettings(dataDir)?.tag ?? tagOf(dataDir)}.service`;
}

/** Pure. */
export function unitText(of: { checkout: string; dataDir: string }): string {
  return `${MARK}
[Unit]
Description=Sandlot: sandboxes of ${of.dataDir.replaceAll("%", "%%")}
Wants=network-online.target
After=network-online.target

[Service]
Type=exec
ExecStart=${quote(join(of.checkout, "sandlot"))} up --data ${quote(of.dataDir)}
# Stopping or restarting the unit ends the watching and nothing else: sandboxes live on, and the next start finds them.
# Everything is ended by \`sandlot down\`.
KillMode=process
Restart=on-failure
RestartSec=2
# A sandbox that is killed for its memory is no failure of the unit's.
OOMPolicy=continue
LimitNOFILE=1048576
TasksMax=infinity
Environment=HOME=/root

[Install]
WantedBy=multi-user.target
`;
}

/** A word of ExecStart, whatever is in it. */
function quote(word: string): string {
  return `"${word.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%").replaceAll("$", "$$$$")}"`;
}

/**
 * Writes the unit and lets it start at boot. Starts nothing now.
 * @throws Fault `stack_unit_foreign` when another file is in the way, `stack_unreadable` when systemd says no
 */
export async function installUnit(of: { dataDir: string; unitDir?: string }): Promise<{ path: string }> {
  const { dataDir, unitDir = UNIT_DIR } = of;
  const name = unitName(dataDir);
  const path = join(unitDir, name);
  requireOurs(path);
  mkdirSync(unitDir, { recursive: true });
  writeFileSync(path, unitText({ checkout: CHECKOUT, dataDir }), { mode: 0o644 });
  if (unitDir === UNIT_DIR) {
    await reload();
    const enabled = await tryRun(["systemctl", "enable", name]);
    if (enabled.exitCode !== 0 && enabled.exitCode !== 127)
      throw stackFaults.unreadable({ path, why: `systemctl enable said: ${enabled.stderr.trim()}` });
  }
  return { path };
}

/** @returns the path of what was removed, undefined when there was none. @throws Fault `stack_unit_foreign` */
export async function removeUnit(of: { dataDir: string; unitDir?: string }): Promise<string | undefined> {
  const { dataDir, unitDir = UNIT_DIR } = of;
  const name = unitName(dataDir);
  const path = join(unitDir, name);
  if (!existsSync(path)) return undefined;
  requireOurs(path);
  if (unitDir === UNIT_DIR) await tryRun(["systemctl", "disable", name]);
  rmSync(path, { force: true });
  if (unitDir === UNIT_DIR) await reload();
  return path;
}

function requireOurs(path: string): void {
  if (existsSync(path) && !readFileSync(path, "utf8").startsWith(MARK)) throw stackFaults.unit_foreign({ path });
}

/** Fails where no systemd runs, as in containers; it then reads the unit when it starts. */
async function reload(): Promise<void> {
  await tryRun(["systemctl", "daemon-reload"]);
}
