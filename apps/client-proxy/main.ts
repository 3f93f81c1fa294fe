import { loadClientProxyConfig, startClientProxy } from "@sandlot/client-proxy";
import { runMain } from "@sandlot/lifetime";
import { startLogger } from "@sandlot/telemetry";

// A drain has an end of its own; a second signal forces.
const FORCE_AFTER_MS = 2 ** 31 - 1;

await runMain(async () => {
  const config = loadClientProxyConfig(process.env);
  return await startClientProxy(config, { logger: startLogger("client-proxy", config.logLevel) });
}, FORCE_AFTER_MS);
