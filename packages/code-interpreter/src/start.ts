/** Starts the server: contexts, warm kernels, the HTTP door. */
import { chmodSync, mkdirSync, rmSync } from "node:fs";
import type { CodeInterpreterConfig } from "./config";
import { Contexts } from "./contexts/contexts";
import { REQUEST_BYTES } from "./limits";
import type { Log } from "./log";
import { routes } from "./routes";

export type CodeInterpreter = AsyncDisposable & {
  readonly port: number;
  /** When the warm kernels answer. @throws Fault `code_not_installed`, `code_kernel_failed` */
  readonly ready: Promise<void>;
};

export function startCodeInterpreter(config: CodeInterpreterConfig, parts: { log: Log }): CodeInterpreter {
  const { log } = parts;
  // What an earlier server left: its kernels have ended with it.
  rmSync(config.kernels.runDir, { recursive: true, force: true });
  mkdirSync(config.kernels.runDir, { recursive: true });
  chmodSync(config.kernels.runDir, 0o700);
  const contexts = new Contexts(config, log);
  let isReady = false;
  const server = Bun.serve({
    hostname: config.host,
    port: config.port,
    idleTimeout: 0, // executions are quiet as long as they like; keepalives are ours
    maxRequestBodySize: REQUEST_BYTES,
    routes: routes({ contexts, envdUrl: config.envdUrl, isReady: () => isReady, log }) as never,
    fetch: () => new Response("not found", { status: 404 }),
  });
  const ready = Promise.all(
    config.warm.map((language) => contexts.defaultOf(contexts.parse(language)).rehearse()),
  ).then(() => {
    isReady = true;
    log("ready", { port: server.port });
  });
  return {
    port: server.port ?? config.port,
    ready,
    async [Symbol.asyncDispose]() {
      void server.stop(true);
      await contexts[Symbol.asyncDispose]();
    },
  };
}
