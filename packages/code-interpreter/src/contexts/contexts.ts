/** All contexts of this sandbox, the default one of each language included. */
import { randomUUID } from "node:crypto";
import { faults } from "../faults";
import type { KernelConfig } from "../kernels/config";
import { installedLanguages, kernelSpec, type Language, missingPart, parseLanguage } from "../kernels/languages";
import { CONTEXTS } from "../limits";
import type { Log } from "../log";
import { Context } from "./context";
import type { Envs } from "./envs";

export type ContextsConfig = {
  readonly kernels: KernelConfig;
  readonly cwd: string;
  /** What kernels are started with. */
  readonly env: Envs;
};

/** Listed before anybody used them; their kernels start on first use. */
const LISTED_FROM_START: readonly Language[] = ["python", "javascript"];

export class Contexts implements AsyncDisposable {
  readonly #byId = new Map<string, Context>();
  readonly #defaults = new Map<Language, Context>();
  readonly #config: ContextsConfig;
  readonly #log: Log;

  constructor(config: ContextsConfig, log: Log) {
    this.#config = config;
    this.#log = log;
    const installed = installedLanguages(config.kernels);
    for (const language of LISTED_FROM_START) if (installed.includes(language)) this.defaultOf(language);
  }

  list(): Context[] {
    return [...this.#byId.values()];
  }

  /** @throws Fault `code_context_missing` */
  load(id: string): Context {
    const context = this.#byId.get(id);
    if (context === undefined) throw faults.context_missing({ id });
    return context;
  }

  /** @throws Fault `code_unknown_language`, `code_not_installed` */
  parse(name: string): Language {
    const language = parseLanguage(name);
    if (language === undefined) {
      throw faults.unknown_language({ language: name.slice(0, 64), known: installedLanguages(this.#config.kernels) });
    }
    const missing = missingPart(kernelSpec(language, this.#config.kernels));
    if (missing !== undefined) throw faults.not_installed({ language, program: missing });
    return language;
  }

  defaultOf(language: Language): Context {
    const held = this.#defaults.get(language);
    if (held !== undefined) return held;
    const context = this.#add(language, this.#config.cwd);
    this.#defaults.set(language, context);
    return context;
  }

  /** With its kernel running. @throws Fault `code_too_many_contexts`, `code_kernel_failed` */
  async create(language: Language, cwd: string | undefined): Promise<Context> {
    if (this.#byId.size >= CONTEXTS) throw faults.too_many_contexts({ limit: CONTEXTS });
    const context = this.#add(language, cwd ?? this.#config.cwd);
    try {
      await context.warm();
    } catch (thrown) {
      this.#byId.delete(context.id);
      throw thrown;
    }
    return context;
  }

  async remove(id: string): Promise<void> {
    const context = this.load(id);
    this.#byId.delete(id);
    // The language's next use makes another default.
    if (this.#defaults.get(context.language) === context) this.#defaults.delete(context.language);
    await context[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.list().map((context) => context[Symbol.asyncDispose]()));
  }

  #add(language: Language, cwd: string): Context {
    const { env, kernels } = this.#config;
    const context = new Context({ id: randomUUID(), language, cwd, config: kernels, env, log: this.#log });
    this.#byId.set(context.id, context);
    return context;
  }
}
