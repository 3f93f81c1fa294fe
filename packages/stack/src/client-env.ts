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
    E2B_DOMAIN: settings.domain,
  };
}

export function exportLines(env: ClientEnv): string {
  return Object.entries(env)
    .map(([name, value]) => `export ${name}=${value}`)
    .join("\n");
}

/** For tools and tests of this checkout that look into the installation's database. Holds a password. */
export function databaseUrl(settings: Settings): string {
  return postgresUrl({ settings, secrets: loadSecrets(pathsOf(settings.dataDir).secrets) });
}
