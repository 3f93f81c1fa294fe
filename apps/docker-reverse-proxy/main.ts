import { dockerReverseProxyConfig, startDockerReverseProxy } from "@sandlot/docker-reverse-proxy";
import { runMain } from "@sandlot/lifetime";
import { startLogger } from "@sandlot/telemetry";

await runMain(async () => {
  const config = dockerReverseProxyConfig(process.env);
  return await startDockerReverseProxy(config, { logger: startLogger("docker-reverse-proxy", config.logLevel) });
});
