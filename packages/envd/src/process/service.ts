/** `process.Process`: the wire's side of processes. behaviour.md §2.4. */
import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import {
  Process,
  type ProcessInput,
  type ProcessSelector,
  Signal,
  type StartRequest,
  type StreamInputRequest,
} from "@sandlot/contracts/envd/process";
import { systemClock } from "@sandlot/lifetime";
import { userOfRpc } from "../auth";
import type { Envd } from "../envd";
import { resolvePath } from "../paths";
import { defaultEnvs } from "../state";
import type { User } from "../users";
import { events, streamEvents } from "./events";
import { faults } from "./faults";
import type { LiveProcess } from "./live-process";
import { Processes, type Selector } from "./processes";

export function registerProcesses(router: ConnectRouter, envd: Envd): void {
  const processes = new Processes(systemClock);
  router.service(Process, {
    start: (request, context) => start({ envd, processes, request, context }),
    connect: (request, context) => connect(processes, request.process, context),
    list: () => ({ processes: processes.list().map(({ process, config }) => describe(process, config)) }),
    update(request) {
      const process = processes.loadLive(parseSelector(request.process));
      const size = request.pty?.size;
      if (size !== undefined) process.resize(size);
      return {};
    },
    async sendInput(request, context) {
      const process = processes.loadLive(parseSelector(request.process));
      await write({ process, input: request.input, signal: context.signal });
      return {};
    },
    streamInput: (requests, context) => streamInput(processes, requests, context),
    sendSignal(request) {
      const process = processes.loadLive(parseSelector(request.process));
      if (request.signal === Signal.SIGTERM) process.signal("SIGTERM");
      else if (request.signal === Signal.SIGKILL) process.signal("SIGKILL");
      else throw faults.bad_signal({ signal: `SIGNAL_${Signal[request.signal] ?? request.signal}` });
      return {};
    },
    closeStdin(request) {
      const process = processes.loadLive(parseSelector(request.process));
      if (process.isPty)
        throw new ConnectError("cannot close stdin of a tty: send the end of file byte 0x04", Code.Unknown);
      process.closeStdin();
      return {};
    },
  });
}

async function* start(of: { envd: Envd; processes: Processes; request: StartRequest; context: HandlerContext }) {
  const { envd, request, context } = of;
  const asked = request.process;
  if (asked === undefined) throw faults.bad_argument({ problem: "process must be given" });
  const user = userOfRpc(context.requestHeader, envd);
  const process = of.processes.start({
    launch: {
      cmd: asked.cmd,
      args: asked.args,
      envs: environment({ envd, user, asked: asked.envs }),
      cwd: workingDirectory({ envd, user, asked: asked.cwd ?? "" }),
      user,
      pty: request.pty === undefined ? undefined : (request.pty.size ?? { cols: 0, rows: 0 }),
      hasStdin: request.stdin ?? true,
    },
    config: { cmd: asked.cmd, args: asked.args, envs: asked.envs, cwd: asked.cwd },
    tag: request.tag,
  });
  envd.onLaunch();
  envd.log.debug("process started", { pid: process.pid, user: user.name });
  const isOverdue = killAtDeadline(process, context.timeoutMs());
  yield* streamEvents({ process, context, isOverdue });
}

/**
 * The deadline belongs to the process: it holds even when the client has gone away.
 * @returns whether it has passed
 */
function killAtDeadline(process: LiveProcess, timeoutMs: number | undefined): () => boolean {
  let isOverdue = false;
  if (timeoutMs === undefined) return () => isOverdue;
  const timer = systemClock.after(Math.max(timeoutMs, 0), () => {
    isOverdue = true;
    process.signal("SIGKILL");
  });
  void process.ended.then(() => timer[Symbol.dispose]());
  return () => isOverdue;
}

async function* connect(processes: Processes, asked: ProcessSelector | undefined, context: HandlerContext) {
  const selector = parseSelector(asked);
  const ended = processes.readLive(selector) === undefined ? processes.readEnded(selector) : undefined;
  if (ended !== undefined) {
    yield events.start(ended.pid);
    yield events.end(ended.end);
    return;
  }
  yield* streamEvents({ process: processes.loadLive(selector), context, isOverdue: () => false });
}

async function streamInput(processes: Processes, requests: AsyncIterable<StreamInputRequest>, context: HandlerContext) {
  let process: LiveProcess | undefined;
  for await (const { event } of requests) {
    if (event.case === "start") process = processes.loadLive(parseSelector(event.value.process));
    if (event.case === undefined) throw faults.input_empty({});
    if (event.case !== "data") continue;
    if (process === undefined) throw faults.bad_argument({ problem: "the first message must name the process" });
    await write({ process, input: event.value.input, signal: context.signal });
  }
  return {};
}

async function write(of: {
  process: LiveProcess;
  input: ProcessInput | undefined;
  signal: AbortSignal;
}): Promise<void> {
  const input = of.input?.input;
  if (input?.case === undefined) throw faults.input_empty({});
  await of.process.write({ kind: input.case, bytes: input.value, signal: of.signal });
}

function parseSelector(selector: ProcessSelector | undefined): Selector {
  const chosen = selector?.selector;
  if (chosen?.case === "pid") return { pid: chosen.value };
  if (chosen?.case === "tag") return { tag: chosen.value };
  throw faults.selector_empty({});
}

function describe(
  process: LiveProcess,
  config: { cmd: string; args: readonly string[]; envs: Readonly<Record<string, string>>; cwd: string | undefined },
) {
  return {
    pid: process.pid,
    ...(process.tag === undefined ? {} : { tag: process.tag }),
    config: {
      cmd: config.cmd,
      args: [...config.args],
      envs: { ...config.envs },
      ...(config.cwd === undefined ? {} : { cwd: config.cwd }),
    },
  };
}

/** Exactly these; nothing of envd's own environment leaks but PATH. Later wins. */
function environment(of: { envd: Envd; user: User; asked: Readonly<Record<string, string>> }): Record<string, string> {
  const { envd, user } = of;
  return {
    PATH: envd.config.searchPath,
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    ...defaultEnvs(envd.state),
    ...of.asked,
  };
}

function workingDirectory(of: { envd: Envd; user: User; asked: string }): string {
  const { home } = of.user;
  return resolvePath({ path: of.asked, home, defaultWorkdir: of.envd.state.defaultWorkdir }) || home;
}
