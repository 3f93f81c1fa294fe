/** Wires the rooms of envd to one socket. */
import type { Logger } from "@sandlot/telemetry";
import { controlRoutes } from "./control/routes";
import type { Envd, EnvdConfig } from "./envd";
import { fileRoutes } from "./files/routes";
import { registerFilesystem } from "./filesystem/service";
import { startForwarder } from "./forwarder/forwarder";
import { registerProcesses } from "./process/service";
import { answerer } from "./server";
import { newState } from "./state";
import { openAccounts } from "./users";

export type RunningEnvd = AsyncDisposable & { readonly port: number };

const MAX_BODY_BYTES = 2 ** 40;

/** @throws when the port is taken */
export async function startEnvd(config: EnvdConfig, parts: { log: Logger }): Promise<RunningEnvd> {
  const envd: Envd = { config, state: newState(), accounts: openAccounts(config.accountFiles), log: parts.log };
  const answer = answerer(envd, {
    routes: [...controlRoutes(envd), ...fileRoutes(envd)],
    services: [registerProcesses, registerFilesystem],
  });
  const server = Bun.serve({
    hostname: config.host,
    port: config.port,
    idleTimeout: 0,
    maxRequestBodySize: MAX_BODY_BYTES,
    development: false,
    fetch: answer,
  });
  const forwarder = startForwarder({ address: config.forwardAddress, log: envd.log.room("forwarder") });
  envd.log.info("listening", { port: server.port });
  return {
    port: server.port ?? config.port,
    async [Symbol.asyncDispose]() {
      forwarder?.[Symbol.dispose]();
      await server.stop(true);
    },
  };
}
