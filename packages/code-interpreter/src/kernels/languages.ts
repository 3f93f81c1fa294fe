/** The languages: which program runs each, and how each is told of variables of its environment. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { KernelConfig } from "./config";

export type Language = "python" | "javascript" | "typescript" | "bash" | "r" | "java";

export type KernelSpec = {
  /** Must exist, else the language is not there. */
  readonly program: string;
  readonly needs: readonly string[];
  /** `{connection}` stands for the connection file's path. */
  readonly argv: readonly string[];
  readonly transport: "socket" | "port";
  readonly interrupt: "signal" | "message" | "restart";
  /** How long it must be quiet after it said it was idle: some publish results a little later. 0 for those that do not. */
  readonly settleMs: number;
  readonly env: Readonly<Record<string, string>>;
  /** Code that sets and unsets variables in a kernel that runs. */
  setEnvs(set: Readonly<Record<string, string>>, unset: readonly string[]): string;
  /** Code run once in a kernel that came out of a snapshot: clones must not share their random numbers. */
  readonly reseed: string | undefined;
};

const ALIASES: Readonly<Record<string, Language>> = {
  js: "javascript",
  ts: "typescript",
  python3: "python",
  sh: "bash",
};

export const LANGUAGES: readonly Language[] = ["python", "javascript", "typescript", "bash", "r", "java"];

/** @returns undefined for a name nobody knows */
export function parseLanguage(name: string): Language | undefined {
  const plain = name.trim().toLowerCase();
  return ALIASES[plain] ?? LANGUAGES.find((language) => language === plain);
}

export function installedLanguages(config: KernelConfig): Language[] {
  return LANGUAGES.filter((language) => missingPart(kernelSpec(language, config)) === undefined);
}

/** The first file that a kernel needs and that is not there. */
export function missingPart(spec: KernelSpec): string | undefined {
  return [spec.program, ...spec.needs].find((path) => !existsSync(path));
}

const quote = (text: string): string => JSON.stringify(text);

export function kernelSpec(language: Language, config: KernelConfig): KernelSpec {
  switch (language) {
    case "python":
      return pythonSpec(config);
    case "bash":
      return bashSpec(config);
    case "javascript":
    case "typescript":
      return denoSpec(config);
    case "r":
      return rSpec(config);
    case "java":
      return javaSpec(config);
  }
}

function pythonSpec({ python, libraryDir }: KernelConfig): KernelSpec {
  return {
    program: python,
    needs: [join(libraryDir, "python/kernel.py"), ...ipykernelOf(python)],
    argv: [python, "-Xfrozen_modules=off", join(libraryDir, "python/kernel.py"), "-f", "{connection}"],
    transport: "socket",
    interrupt: "signal",
    settleMs: 0,
    env: { MPLBACKEND: "module://matplotlib_inline.backend_inline" },
    setEnvs: (set, unset) =>
      `import os as _os\n_os.environ.update(${pythonText(set)})\nfor _n in ${pythonText(unset)}: _os.environ.pop(_n, None)\ndel _os`,
    reseed: "__sandlot_reseed__()",
  };
}

/** JSON is Python for texts, lists of texts and maps of texts once it is parsed there. */
function pythonText(value: unknown): string {
  return `__import__("json").loads(${quote(JSON.stringify(value))})`;
}

/** Debian's package; another Python brings its own, which then shows when it starts. */
function ipykernelOf(python: string): string[] {
  return python === "/usr/bin/python3" ? ["/usr/lib/python3/dist-packages/ipykernel"] : [];
}

function bashSpec({ python, libraryDir }: KernelConfig): KernelSpec {
  const single = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
  return {
    program: "/bin/bash",
    needs: [python, join(libraryDir, "python/bash_kernel.py"), ...ipykernelOf(python)],
    argv: [python, "-Xfrozen_modules=off", join(libraryDir, "python/bash_kernel.py"), "-f", "{connection}"],
    transport: "socket",
    interrupt: "signal",
    settleMs: 0,
    env: {},
    setEnvs: (set, unset) =>
      [
        ...Object.entries(set).map(([name, value]) => `export ${name}=${single(value)}`),
        ...(unset.length > 0 ? [`unset ${unset.join(" ")}`] : []),
      ].join("\n"),
    reseed: "RANDOM=$(od -An -N2 -tu2 /dev/urandom)",
  };
}

function denoSpec({ deno }: KernelConfig): KernelSpec {
  return {
    program: deno,
    needs: [],
    argv: [deno, "jupyter", "--kernel", "--conn", "{connection}"],
    transport: "port",
    interrupt: "restart", // it does not listen while it computes
    settleMs: 20, // measured: up to 2 ms late, on a machine ten times too busy
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    setEnvs: (set, unset) =>
      [
        ...Object.entries(set).map(([name, value]) => `Deno.env.set(${quote(name)}, ${quote(value)});`),
        ...unset.map((name) => `Deno.env.delete(${quote(name)});`),
      ].join("\n"),
    reseed: undefined,
  };
}

function rSpec({ r }: KernelConfig): KernelSpec {
  return {
    program: r,
    needs: ["/usr/lib/R/site-library/IRkernel"],
    argv: [r, "--slave", "-e", "IRkernel::main()", "--args", "{connection}"],
    transport: "port",
    interrupt: "signal",
    settleMs: 0,
    env: {},
    setEnvs: (set, unset) =>
      [
        ...Object.entries(set).map(([name, value]) => `Sys.setenv(${quote(name)} = ${quote(value)})`),
        ...unset.map((name) => `Sys.unsetenv(${quote(name)})`),
      ].join("\n"),
    reseed: 'if (exists(".Random.seed", globalenv())) rm(".Random.seed", envir = globalenv())',
  };
}

/** A running Java cannot change its environment: there, as upstream has it, these are system properties. */
function javaSpec({ java, javaKernelDir }: KernelConfig): KernelSpec {
  return {
    program: java,
    needs: [join(javaKernelDir, "jjava-launcher.jar"), join(javaKernelDir, "jjava.jar")],
    argv: [java, "-jar", join(javaKernelDir, "jjava-launcher.jar"), join(javaKernelDir, "jjava.jar"), "{connection}"],
    transport: "port",
    interrupt: "message",
    settleMs: 0,
    env: {},
    setEnvs: (set, unset) =>
      [
        ...Object.entries(set).map(([name, value]) => `System.setProperty(${quote(name)}, ${quote(value)});`),
        ...unset.map((name) => `System.clearProperty(${quote(name)});`),
      ].join("\n"),
    reseed: undefined,
  };
}
