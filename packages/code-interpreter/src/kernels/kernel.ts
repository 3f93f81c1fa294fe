/** One kernel's life: started, watched, interrupted, ended. It never starts itself again: its context decides that. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sleep } from "@sandlot/lifetime";
import { faults } from "../faults";
import { type Channels, type Listener, openChannels } from "../jupyter/channels";
import { connectionByPort, connectionBySocket } from "../jupyter/connection";
import { KERNEL_GRACE_MS, KERNEL_READY_WITHIN_MS } from "../limits";
import type { KernelConfig } from "./config";
import { type KernelSpec, kernelSpec, type Language, missingPart } from "./languages";

export type Kernel = AsyncDisposable & {
  readonly pid: number;
  readonly spec: KernelSpec;
  /** Settles when the process has ended, with why. */
  readonly ended: Promise<string>;
  request(type: string, content: unknown, listen: Listener): Disposable;
  interrupt(): void;
};

export type KernelStart = {
  readonly config: KernelConfig;
  readonly language: Language;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly name: string;
};

/**
 * A kernel that answers and whose output arrives.
 * @throws Fault `code_not_installed`, `code_kernel_failed`
 */
export async function startKernel(of: KernelStart, signal?: AbortSignal): Promise<Kernel> {
  const spec = kernelSpec(of.language, of.config);
  const missing = missingPart(spec);
  if (missing !== undefined) throw faults.not_installed({ language: of.language, program: missing });
  const dir = join(of.config.runDir, of.name);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const connection = spec.transport === "socket" ? connectionBySocket(dir) : await connectionByPort();
  const file = join(dir, "connection.json");
  writeFileSync(file, JSON.stringify(connection.json), { mode: 0o600 });
  const child = spawnKernel(of, spec, file);
  const ended = child.exited.then((code) => {
    rmSync(dir, { recursive: true, force: true });
    return child.signalCode === null ? `ended with exit code ${code}` : `was ended by ${child.signalCode}`;
  });
  try {
    const channels = await whileAlive(ended, of.language, signal, (until) =>
      openChannels({ connection, signal: until, onClose: () => child.kill("SIGKILL") }),
    );
    return aliveKernel({ spec, child, ended, channels });
  } catch (thrown) {
    endGroup(child.pid, "SIGKILL");
    throw thrown;
  }
}

function spawnKernel(of: KernelStart, spec: KernelSpec, file: string): Bun.Subprocess {
  return Bun.spawn(
    spec.argv.map((part) => part.replace("{connection}", file)),
    {
      cwd: of.cwd,
      // Whoever dies first, kernel or server: Python's kernels end with their parent.
      env: { ...of.env, ...spec.env, JPY_PARENT_PID: String(process.pid) },
      stdin: "ignore",
      stdout: "inherit",
      stderr: "inherit",
      // Its own group, so that an interrupt reaches what it started, and an end leaves nothing.
      detached: true,
    },
  );
}

/** Runs `work` until it is done, the kernel dies, or patience ends. */
async function whileAlive<T>(
  ended: Promise<string>,
  language: Language,
  signal: AbortSignal | undefined,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T> {
  const stop = new AbortController();
  const patience = AbortSignal.timeout(KERNEL_READY_WITHIN_MS);
  const until = AbortSignal.any([stop.signal, patience, ...(signal === undefined ? [] : [signal])]);
  const died = ended.then((why): never => {
    throw faults.kernel_failed({ language, why: `${why} while it started` });
  });
  try {
    return await Promise.race([work(until), died]);
  } catch (thrown) {
    if (patience.aborted) throw faults.kernel_failed({ language, why: "did not answer in time" }, thrown);
    throw thrown;
  } finally {
    stop.abort(new Error("no longer waited for"));
    died.catch(() => undefined);
  }
}

function aliveKernel(of: {
  spec: KernelSpec;
  child: Bun.Subprocess;
  ended: Promise<string>;
  channels: Channels;
}): Kernel {
  const { channels, child, ended, spec } = of;
  return {
    pid: child.pid,
    spec,
    ended,
    request: (type, content, listen) => channels.request({ channel: "shell", type, content, listen }),
    interrupt() {
      if (spec.interrupt === "signal") endGroup(child.pid, "SIGINT");
      if (spec.interrupt === "message") {
        channels.request({ channel: "control", type: "interrupt_request", content: {}, listen: () => undefined });
      }
    },
    async [Symbol.asyncDispose]() {
      channels[Symbol.dispose]();
      endGroup(child.pid, "SIGTERM");
      await Promise.race([ended, sleep(KERNEL_GRACE_MS)]);
      endGroup(child.pid, "SIGKILL");
      await ended;
    },
  };
}

function endGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nobody is left in the group.
  }
}
