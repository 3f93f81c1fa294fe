import { type ConfigEntry, type Env, readEnv } from "@sandlot/config";
import type { ContextsConfig } from "./contexts/contexts";
import type { Language } from "./kernels/languages";

export type CodeInterpreterConfig = ContextsConfig & {
  readonly host: string;
  readonly port: number;
  readonly envdUrl: string;
  /** Languages whose default kernel is started before anybody asks; /health says when they are ready. */
  readonly warm: readonly Language[];
};

const HOME = "/home/user";

/** Kernels inherit the environment; nothing else is read from it. @throws ConfigError */
export function codeInterpreterConfig(env: Env, seen: ConfigEntry[] = []): CodeInterpreterConfig {
  return readEnv(
    env,
    (read) => ({
      host: read.text("CODE_INTERPRETER_HOST", "0.0.0.0"),
      port: read.port("CODE_INTERPRETER_PORT", 49999),
      envdUrl: read.text("CODE_INTERPRETER_ENVD_URL", "http://127.0.0.1:49983"),
      cwd: read.text("CODE_INTERPRETER_CWD", HOME),
      warm: read.list("CODE_INTERPRETER_WARM", ["python"]) as Language[],
      kernels: {
        python: read.text("CODE_INTERPRETER_PYTHON", "/usr/bin/python3"),
        deno: read.text("CODE_INTERPRETER_DENO", "/usr/local/bin/deno"),
        r: read.text("CODE_INTERPRETER_R", "/usr/bin/R"),
        java: read.text("CODE_INTERPRETER_JAVA", "/usr/bin/java"),
        javaKernelDir: read.text("CODE_INTERPRETER_JAVA_KERNEL_DIR", "/usr/local/share/jupyter/kernels/java"),
        libraryDir: read.text("CODE_INTERPRETER_LIBRARY", "/usr/lib/sandlot-code-interpreter"),
        runDir: read.text("CODE_INTERPRETER_RUN_DIR", "/tmp/.code-interpreter"),
      },
      env: inherited(env),
    }),
    seen,
  );
}

function inherited(env: Env): Record<string, string> {
  const kept = Object.entries(env).filter(([name]) => !name.startsWith("CODE_INTERPRETER_"));
  return { HOME, ...Object.fromEntries(kept.map(([name, value]) => [name, value ?? ""])) };
}
