/** `sandbox ls|kill|exec|shell|link`: what runs here, and doors into it. */
import type { components } from "@sandlot/contracts/rest";
import { type CommandSpec, command } from "../command";
import { cliFaults } from "../faults";
import { DATA, JSON_OUT } from "../flags";
import { localApi } from "../local/api";
import { execInGuest } from "../local/exec";
import { openGuest } from "../local/guest";
import { shellInGuest } from "../local/shell";
import { standardStreams } from "../local/streams";
import { columns, left } from "../local/table";

type Listed = components["schemas"]["ListedSandbox"];

const SANDBOX = { name: "sandbox", help: "its id, as sandbox ls shows it", isRequired: true } as const;
const USER = {
  user: { kind: "text", sample: "name", help: "account in the sandbox (its default user)" },
} as const;

const ls = command({
  name: "sandbox ls",
  summary: "List the sandboxes that run",
  flags: { ...DATA, ...JSON_OUT },
  async run({ flags, io }) {
    const { json } = await localApi(flags.data).ask({ method: "GET", path: "/sandboxes" });
    const list = json as readonly Listed[];
    if (flags.json) io.out(JSON.stringify({ sandboxes: list }));
    else if (list.length === 0) io.out("no sandboxes");
    else {
      const rows = list.map((one) => [
        one.sandboxID,
        one.alias ?? one.templateID,
        one.state,
        `${one.cpuCount} vCPU, ${one.memoryMB} MiB`,
        left(new Date(one.endAt).getTime() - Date.now()),
      ]);
      io.out(columns([["SANDBOX", "TEMPLATE", "STATE", "SIZE", "ENDS IN"], ...rows]));
    }
    return 0;
  },
});

const kill = command({
  name: "sandbox kill",
  summary: "End sandboxes",
  args: [{ ...SANDBOX, isRequired: false }],
  flags: { ...DATA, all: { kind: "switch", help: "end every sandbox of the installation's own team" } },
  async run({ flags, rest, io }) {
    const api = localApi(flags.data);
    if (flags.all === (rest[0] !== undefined)) throw cliFaults.needs_name({ what: "name one sandbox, or say --all" });
    const listed = flags.all ? ((await api.ask({ method: "GET", path: "/sandboxes" })).json as readonly Listed[]) : [];
    const ids = rest[0] === undefined ? listed.map(({ sandboxID }) => sandboxID) : [rest[0]];
    for (const sandboxId of ids) {
      const path = `/sandboxes/${encodeURIComponent(sandboxId)}`;
      const { status } = await api.ask({ method: "DELETE", path, mayBe: [400, 404] });
      if (status >= 400 && !flags.all) throw cliFaults.sandbox_missing({ sandboxId });
      if (status < 400) io.out(`ended ${sandboxId}`);
    }
    return 0;
  },
});

const exec = command({
  name: "sandbox exec",
  summary: "Run a command in a sandbox, with its output, its input and its exit code",
  details:
    "Flags come before the sandbox; what follows it is the command, taken as it stands: sandbox exec ID sh -c 'ls | wc -l'\n" +
    "Ctrl-C ends the command in the sandbox. A command that a signal ended answers 128 and the signal's number.",
  args: [SANDBOX, { name: "command", help: "the program and its arguments", isRequired: true, isRest: true }],
  flags: {
    ...DATA,
    ...USER,
    cwd: { kind: "text", sample: "dir", help: "directory to run in (the user's home)" },
    env: { kind: "text", sample: "names", help: "variables of this shell to hand on, with commas between" },
    "no-stdin": { kind: "switch", help: "leave the standard input of this shell alone" },
  },
  async run({ flags, rest, interrupts, env }) {
    const [sandboxId = "", ...words] = rest;
    const argv = words[0] === "--" ? words.slice(1) : words;
    const guest = await openGuest({ dataDir: flags.data, sandboxId, ...(flags.user && { user: flags.user }) });
    const names = flags.env?.split(",").filter((name) => env[name] !== undefined) ?? [];
    const envs = Object.fromEntries(names.map((name) => [name, env[name] ?? ""]));
    const streams = standardStreams({ withInput: !flags["no-stdin"] });
    try {
      return await execInGuest({ guest, sandboxId, argv, cwd: flags.cwd, envs, streams, interrupts });
    } finally {
      await streams.end();
    }
  },
});

const shell = command({
  name: "sandbox shell",
  summary: "Open a terminal in a sandbox",
  details: "Ctrl-] leaves the shell running in the sandbox; --pid joins it again.",
  args: [SANDBOX],
  flags: { ...DATA, ...USER, pid: { kind: "whole", sample: "pid", help: "join this shell instead of opening one" } },
  async run({ flags, rest, io, interrupts, env }) {
    const [sandboxId = ""] = rest;
    const { stdin: input, stdout: output } = process;
    if (!input.isTTY || !output.isTTY) throw cliFaults.no_terminal({ what: "stdin" });
    const guest = await openGuest({ dataDir: flags.data, sandboxId, ...(flags.user && { user: flags.user }) });
    const end = await shellInGuest({
      guest,
      sandboxId,
      joinPid: flags.pid,
      terminal: { input, output },
      interrupts,
      termName: env.TERM ?? "xterm-256color",
    });
    if ("exitCode" in end) return end.exitCode;
    io.err(`\nleft; the shell goes on: sandlot sandbox shell ${sandboxId} --pid ${end.leftPid}`);
    return 0;
  },
});

const link = command({
  name: "sandbox link",
  summary: "Make a link that lets a browser reach one port of a sandbox for a while",
  details:
    "For sandboxes whose ports are not public (network.allowPublicTraffic: false): the visitor needs no token. The link ends\n" +
    "at its time, and with the sandbox; what is open then is cut.",
  args: [SANDBOX, { name: "port", help: "the port in the sandbox", isRequired: true }],
  flags: {
    ...DATA,
    ...JSON_OUT,
    ttl: { kind: "whole", sample: "seconds", help: "how long it opens the port (3600)" },
    path: { kind: "text", sample: "path", help: "where it leads to (/)" },
  },
  async run({ flags, rest: [sandboxId = "", port = ""], io }) {
    if (!/^[1-9][0-9]{0,4}$/.test(port)) throw cliFaults.needs_name({ what: "name a port from 1 to 65535" });
    const { status, json } = await localApi(flags.data).ask({
      method: "POST",
      path: `/sandboxes/${encodeURIComponent(sandboxId)}/links`,
      body: {
        port: Number(port),
        ...(flags.ttl !== undefined && { ttl: flags.ttl }),
        ...(flags.path !== undefined && { path: flags.path }),
      },
      mayBe: [404],
    });
    if (status === 404) throw cliFaults.sandbox_missing({ sandboxId });
    const made = json as components["schemas"]["SandboxLink"];
    io.out(flags.json ? JSON.stringify(made) : made.url);
    return 0;
  },
});

export const sandboxCommands: readonly CommandSpec[] = [ls, kill, exec, shell, link];
