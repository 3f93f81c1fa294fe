import { existsSync } from "node:fs";
import {
  DEFAULT_DATA_DIR,
  down,
  exportLines,
  findHostWarnings,
  isAuthorityTrusted,
  lineProgress,
  nameHints,
  type Progress,
  pathsOf,
  type Settings,
  status,
  supervise,
  up,
} from "@sandlot/stack";
import { silentLogger } from "@sandlot/telemetry";
import { command, Interrupted, type Interrupts, type Io } from "../command";
import { DATA, SETUP, settingsRequest } from "../flags";
import { buildMissing } from "./template";

export const upCommand = command({
  name: "up",
  summary: "Bring the installation up: services, servers, the base template",
  details:
    "Stays in the foreground: Ctrl-C ends every sandbox and everything else, a second Ctrl-C by force.\n" +
    "Flags other than --detach and --with are remembered for the next up on the same directory.",
  flags: {
    ...DATA,
    detach: { kind: "switch", help: "return when it is up; end it with down" },
    with: {
      kind: "text",
      sample: "names",
      help: "shipped templates to build when they are not there yet, with commas between",
    },
    ...SETUP,
  },
  async run({ flags, io, interrupts, env }) {
    const progress = lineProgress((line) => io.out(line));
    const startMs = performance.now();
    const result = await up({
      request: settingsRequest(flags),
      isDetached: flags.detach,
      progress,
      env,
      signal: interrupts.first,
      force: interrupts.second,
    });
    const { dataDir } = result.settings;
    if (result.wasRunning) io.out(`sandlot is already up on ${dataDir}`);
    else
      progress.say(
        "up",
        `ready after ${((performance.now() - startMs) / 1000).toFixed(1)} s, logs in ${pathsOf(dataDir).logs}`,
      );
    for (const line of await isolationOf(dataDir)) io.out(line);
    for (const line of hintsOf(result.settings)) io.out(line);
    for (const line of await findHostWarnings()) io.out(`warning: ${line}`);
    const wanted = (flags.with ?? "").split(",").filter((name) => name !== "");
    await buildMissing(dataDir, { wanted, io, signal: interrupts.first });
    io.out(`\n${exportLines(result.env)}\n`);
    if (result.wasRunning || flags.detach) return 0;
    return await stayInForeground({ dataDir, io, interrupts, progress });
  },
});

/** What sandboxes run on, the default first. */
async function isolationOf(dataDir: string): Promise<string[]> {
  const { runtimes, isolation } = await status(dataDir);
  return (runtimes ?? [{ isolation }]).map((one) => `isolation: ${one.isolation}`);
}

function hintsOf(settings: Settings): string[] {
  return nameHints({
    settings,
    isTrusted: isAuthorityTrusted(settings),
    hasResolved: existsSync("/run/systemd/resolve/stub-resolv.conf"),
    isDefaultDir: settings.dataDir === DEFAULT_DATA_DIR,
  });
}

/** Until Ctrl-C, which ends all. A SIGTERM only ends the watching: `down` sends it, and so may an operator. */
async function stayInForeground(of: {
  dataDir: string;
  io: Io;
  interrupts: Interrupts;
  progress: Progress;
}): Promise<number> {
  const { dataDir, io, interrupts, progress } = of;
  io.out("Ctrl-C ends all sandboxes and everything else.");
  const watch = supervise({ dataDir, log: silentLogger });
  if (!interrupts.first.aborted) {
    await new Promise((done) => interrupts.first.addEventListener("abort", done, { once: true }));
  }
  await watch[Symbol.asyncDispose]();
  const { reason } = interrupts.first;
  if (reason instanceof Interrupted && reason.signal === "SIGTERM") {
    io.out("no longer watching; what runs goes on until sandlot down");
    return 0;
  }
  io.out("ending everything (Ctrl-C again: by force)");
  await down({ dataDir, progress, force: interrupts.second });
  progress.say("down", "nothing is left");
  return 0;
}
