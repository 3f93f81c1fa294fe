/** What a client needs to find and enter this installation. */
import { pathsOf } from "./paths";
import { loadSecrets } from "./secrets";
import { postgresUrl, reachableHost } from "./services/table";
import type { Settings } from "./settings";

export type ClientEnv = {
  readonly E2B_API_KEY: string;
  readonly E2B_ACCESS_TOKEN: string;
  readonly E2B_API_URL: string;
  readonly E2B_SANDBOX_URL: string;
  readonly E2B_DOMAIN: string;
};

/** @throws Fault `stack_unreadable` when nothing was ever brought up here */
export function clientEnv(settings: Settings): ClientEnv {
  const { apiKey, accessToken } = loadSecrets(pathsOf(settings.dataDir).secrets);
  const host = reachableHost(settings.host);
  const authority = host.includes(":") ? `[${host}]` : host;
  return {
    E2B_API_KEY: apiKey,
    E2B_ACCESS_TOKEN: accessToken,
    E2B_API_URL: `http://${authority}:${settings.ports.api}`,
    E2B_SANDBOX_URL: `http://${authority}:${settings.ports.proxy}`,
    // Clients only put it into names, so it may carry the port of the edge.
    E2B_DOMAIN: `${settings.domain}:${settings.ports.tls}`,
  };
}

export function exportLines(env: ClientEnv): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}=${value}`)
    .join("\n");
}

/** Where SSH into sandboxes is, and the host key to expect there. */
export function sshPlace(settings: Settings, hostKeyFile: string): { host: string; port: number; hostKey: string } {
  const hostKey = hostKeyFile.trim().split(" ").slice(0, 2).join(" ");
  return { host: reachableHost(settings.host), port: settings.ports.ssh, hostKey };
}

/** For tools and tests of this checkout that look into the installation's database. Holds a password. */
export function databaseUrl(settings: Settings): string {
  return postgresUrl({ settings, secrets: loadSecrets(pathsOf(settings.dataDir).secrets) });
}
