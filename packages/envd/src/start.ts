/** Wires the rooms of envd to one socket. */
import { writeFileSync } from "node:fs";
import type { Logger } from "@sandlot/telemetry";
import { controlRoutes } from "./control/routes";
import type { Envd, EnvdConfig } from "./envd";
import { fileRoutes } from "./files/routes";
import { registerFilesystem } from "./filesystem/service";
import { type Forwarder, startForwarder } from "./forwarder/forwarder";
import { trimmingWhenIdle } from "./idle";
import { registerProcesses } from "./process/service";
import { answerer } from "./server";
import { newState } from "./state";
import { openAccounts } from "./users";

export type RunningEnvd = AsyncDisposable & { readonly port: number };

const MAX_BODY_BYTES = 2 ** 40;

/** @throws when the port is taken */
export async function startEnvd(config: EnvdConfig, parts: { log: Logger }): Promise<RunningEnvd> {
  let forwarder: Forwarder | undefined;
  const envd: Envd = {
    config,
    state: newState(),
    accounts: openAccounts(config.accountFiles),
    log: parts.log,
    onLaunch: () => forwarder?.look(),
  };
  const answer = trimmingWhenIdle({
    growthBytes: config.trimGrowthMiB * 1024 * 1024,
    answer: answerer(envd, {
      routes: [...controlRoutes(envd), ...fileRoutes(envd)],
      services: [registerProcesses, registerFilesystem],
    }),
  });
  if (config.ownsMachine) spareFromOom();
  const server = Bun.serve({
    hostname: config.host,
    port: config.port,
    idleTimeout: 0,
    maxRequestBodySize: MAX_BODY_BYTES,
    development: false,
    fetch: answer,
  });
  forwarder = startForwarder({ address: config.forwardAddress, log: envd.log.room("forwarder") });
  envd.log.info("listening", { port: server.port });
  return {
    port: server.port ?? config.port,
    async [Symbol.asyncDispose]() {
      answer[Symbol.dispose]();
      forwarder?.[Symbol.dispose]();
      await server.stop(true);
    },
  };
}

/** Without envd nobody can do anything about a machine out of memory. A container's kernel may refuse. */
function spareFromOom(): void {
  try {
    writeFileSync("/proc/self/oom_score_adj", "-1000");
  } catch {
    // Then it is killed like any other, and the guest's init starts it again.
  }
}
