/** One context: a language, a directory, and a kernel that is there when it is needed. Code in it runs one after another. */
import { existsSync, mkdirSync } from "node:fs";
import { sleep } from "@sandlot/lifetime";
import type { OutputLine } from "../execute/lines";
import { runOnKernel } from "../execute/run";
import { faults } from "../faults";
import type { KernelConfig } from "../kernels/config";
import { type Kernel, startKernel } from "../kernels/kernel";
import type { Language } from "../kernels/languages";
import { INTERRUPT_PATIENCE_MS, RESTART_GAPS_MS } from "../limits";
import type { Log } from "../log";
import type { Envs } from "./envs";

export type Execution = {
  readonly code: string;
  /** Of this execution only. */
  readonly envs: Envs;
  /** Of the sandbox. */
  readonly sandboxEnvs: Envs;
  readonly identity: string;
  readonly onLine: (line: OutputLine) => void;
  /** The client has gone: what waits is left out, what runs is interrupted. */
  readonly signal: AbortSignal;
};

export type ContextParts = {
  readonly id: string;
  readonly language: Language;
  readonly cwd: string;
  readonly config: KernelConfig;
  readonly env: Envs;
  readonly log: Log;
};

/** A Jupyter kernel that was just told to stop deserves a moment, even one that cannot listen. */
const DEAF_PATIENCE_MS = 2_000;

export class Context implements AsyncDisposable {
  readonly id: string;
  readonly language: Language;
  readonly cwd: string;
  readonly #parts: ContextParts;
  #kernel: Promise<Kernel> | undefined;
  #kernels = 0;
  #deaths = 0;
  /** For which machine the running kernel has been prepared. */
  #preparedFor: string | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #isGone = false;

  constructor(parts: ContextParts) {
    this.id = parts.id;
    this.language = parts.language;
    this.cwd = parts.cwd;
    this.#parts = parts;
  }

  /** Starts the kernel unless it runs. @throws Fault `code_not_installed`, `code_kernel_failed` */
  warm(): Promise<Kernel> {
    this.#kernel ??= this.#start();
    return this.#kernel;
  }

  /** Runs something once, so that the kernel's and our own first time are over before a snapshot is taken. */
  async rehearse(): Promise<void> {
    const kernel = await this.warm();
    await runOnKernel(kernel, { code: "1 + 1", as: "rehearsal", onLine: () => undefined });
  }

  /** One at a time. @throws Fault `code_kernel_failed` when no kernel can be had; failures of the code are lines */
  execute(execution: Execution): Promise<void> {
    const mine = this.#tail.then(() => this.#execute(execution));
    this.#tail = mine.catch(() => undefined);
    return mine;
  }

  /** A fresh kernel: variables are gone, and what runs ends with an error. */
  async restart(): Promise<void> {
    await this.#drop();
    await this.warm();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isGone = true;
    await this.#drop();
  }

  async #drop(): Promise<void> {
    const held = this.#kernel;
    this.#kernel = undefined;
    this.#preparedFor = undefined;
    const kernel = await held?.catch(() => undefined);
    await kernel?.[Symbol.asyncDispose]();
  }

  #start(): Promise<Kernel> {
    const { config, env, log } = this.#parts;
    this.#kernels += 1;
    this.#preparedFor = undefined;
    if (!existsSync(this.cwd)) mkdirSync(this.cwd, { recursive: true });
    const name = `${this.id}-${this.#kernels}`;
    const starting = startKernel({ config, language: this.language, cwd: this.cwd, env, name });
    starting.then(
      (kernel) => {
        log("kernel started", { context: this.id, language: this.language, pid: kernel.pid });
        void kernel.ended.then((why) => this.#revive(starting, why));
      },
      () => {
        if (this.#kernel === starting) this.#kernel = undefined;
      },
    );
    return starting;
  }

  /** After a death nobody asked for, so that the next code finds a kernel again. */
  async #revive(dead: Promise<Kernel>, why: string): Promise<void> {
    if (this.#kernel !== dead || this.#isGone) return;
    this.#kernel = undefined;
    this.#deaths += 1;
    this.#parts.log("kernel died", { context: this.id, language: this.language, why });
    await sleep(RESTART_GAPS_MS[Math.min(this.#deaths, RESTART_GAPS_MS.length) - 1] ?? 0);
    if (!this.#isGone)
      await this.warm().catch((thrown) => this.#parts.log("kernel does not start", { thrown: String(thrown) }));
  }

  async #execute(execution: Execution): Promise<void> {
    if (execution.signal.aborted || this.#isGone) return;
    const kernel = await this.warm();
    const stop = this.#interruptOn(execution.signal, kernel);
    try {
      await this.#prepare(kernel, execution);
      const names = Object.keys(execution.envs);
      if (names.length > 0) await quietly(kernel, kernel.spec.setEnvs(execution.envs, []));
      const death = await runOnKernel(kernel, { code: execution.code, as: "code", onLine: execution.onLine });
      if (death !== undefined) throw faults.kernel_failed({ language: this.language, why: death });
      this.#deaths = 0;
      if (names.length > 0) await quietly(kernel, this.#undo(kernel, names, execution.sandboxEnvs));
    } finally {
      stop[Symbol.dispose]();
    }
  }

  /** The sandbox's variables and randomness of its own: once per kernel and machine. */
  async #prepare(kernel: Kernel, { identity, sandboxEnvs }: Execution): Promise<void> {
    if (this.#preparedFor === identity) return;
    const envs = Object.keys(sandboxEnvs).length > 0 ? [kernel.spec.setEnvs(sandboxEnvs, [])] : [];
    const code = [...envs, ...(kernel.spec.reseed === undefined ? [] : [kernel.spec.reseed])];
    if (code.length > 0) await quietly(kernel, code.join("\n"));
    this.#preparedFor = identity;
  }

  #undo(kernel: Kernel, names: readonly string[], sandboxEnvs: Envs): string {
    const before = { ...this.#parts.env, ...sandboxEnvs };
    const back = Object.fromEntries(names.flatMap((name) => (name in before ? [[name, before[name] ?? ""]] : [])));
    return kernel.spec.setEnvs(
      back,
      names.filter((name) => !(name in back)),
    );
  }

  /** Code that ignores the interrupt must not block the context for ever: then its kernel is replaced. */
  #interruptOn(signal: AbortSignal, kernel: Kernel): Disposable {
    const over = new AbortController();
    const onAbort = async (): Promise<void> => {
      kernel.interrupt();
      await sleep(kernel.spec.interrupt === "restart" ? DEAF_PATIENCE_MS : INTERRUPT_PATIENCE_MS, over.signal);
      this.#parts.log("code ignored the interrupt, its kernel is replaced", { context: this.id });
      await kernel[Symbol.asyncDispose]();
    };
    const listen = (): void => void onAbort().catch(() => undefined);
    if (signal.aborted) listen();
    else signal.addEventListener("abort", listen, { once: true });
    return {
      [Symbol.dispose]() {
        signal.removeEventListener("abort", listen);
        over.abort(new Error("the code has ended"));
      },
    };
  }
}

async function quietly(kernel: Kernel, code: string): Promise<void> {
  await runOnKernel(kernel, { code, as: "silent", onLine: () => undefined });
}
