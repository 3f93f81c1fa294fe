/** Which ports an installation holds itself: a port is ours when the process that should have it runs. */
import type { DataPaths } from "../paths";
import type { PortName } from "../settings";
import { runningServers } from "./private-servers";
import { runningService } from "./process";

/** @returns whether a port is held by this installation now */
export function ownPorts(paths: DataPaths): (name: PortName) => boolean {
  const servers = runningServers(paths);
  const owners: Record<PortName, unknown> = {
    api: runningService(paths, "api"),
    apiGrpc: runningService(paths, "api"),
    proxy: runningService(paths, "client-proxy"),
    tls: runningService(paths, "client-proxy"),
    dns: runningService(paths, "client-proxy"),
    ssh: runningService(paths, "client-proxy"),
    proxyHealth: runningService(paths, "client-proxy"),
    docker: runningService(paths, "docker-reverse-proxy"),
    registry: runningService(paths, "registry"),
    nodeGrpc: runningService(paths, "orchestrator"),
    nodeProxy: runningService(paths, "orchestrator"),
    postgres: servers.postgres,
    redis: servers.redis,
  };
  return (name) => owners[name] !== undefined;
}
