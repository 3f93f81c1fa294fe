import { type InstallationStatus, type NodeRuntime, status } from "@sandlot/stack";
import { command } from "../command";
import { DATA, JSON_OUT } from "../flags";

export const statusCommand = command({
  name: "status",
  summary: "Show what runs, on which ports, how isolated, and how many sandboxes",
  details: "Exit code 0 when everything runs, 1 when something does not.",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const now = await status(flags.data);
    io.out(flags.json ? JSON.stringify(now) : table(now));
    return now.isUp ? 0 : 1;
  },
});

function memoryPauses({ memoryPauses: found }: InstallationStatus): string {
  if (found === undefined) return "unknown";
  return found.works ? "yes" : `no, files only: ${found.problem} (see sandlot doctor)`;
}

/** What is to be known of it beyond its walls. */
function virtualMachine({ name, kernelVersion, memoryPauses: pauses, isProven, problems }: NodeRuntime): string[] {
  if (name === "container") return [];
  const row = (text: string): string => `${name.padEnd(14)}${text}`;
  if (!isProven) return [row("a trial machine is being started")];
  if (problems.length > 0) return problems.map((problem) => row(`does not work: ${problem} (see sandlot doctor)`));
  return [row(`kernel ${kernelVersion}, memory pauses ${pauses.works ? "yes" : `no: ${pauses.problem}`}`)];
}

function table(now: InstallationStatus): string {
  const rows = now.services.map(
    ({ name, state, port, pid }) =>
      `${name.padEnd(22)}${state.padEnd(15)}${port === undefined ? "" : `port ${port}`.padEnd(12)}${pid === undefined ? "" : `pid ${pid}`}`,
  );
  const head = [
    `directory     ${now.dataDir}`,
    `state         ${now.isUp ? "up" : "not up"}`,
    ...(now.runtimes ?? [undefined]).map((one) => `isolation     ${one?.isolation ?? now.isolation}`),
    ...now.runtimeNotes.map((note) => `runtime       ${note}`),
    ...(now.runtimes ?? []).flatMap((one) => virtualMachine(one)),
    `slots         ${now.slotCidr}, tag ${now.tag}`,
    `sandboxes     ${now.sandboxes ?? "unknown"}`,
    `memory pauses ${memoryPauses(now)}`,
    `disk          ${Math.floor(now.disk.freeBytes / 1024 ** 2)} MiB free${now.disk.isLow ? ": below the watermark, nothing new starts" : ""}`,
  ];
  const warnings = now.warnings.map((line) => `warning       ${line}`);
  return [...head, ...warnings, "", ...rows].join("\n").replace(/ +$/gm, "");
}
