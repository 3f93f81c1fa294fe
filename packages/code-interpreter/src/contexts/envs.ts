/** The sandbox's own environment variables, as envd has them, and which sandbox this is at all. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { faults } from "../faults";
import { ENVS_WITHIN_MS } from "../limits";

export type Envs = Readonly<Record<string, string>>;

/**
 * Asks envd, which also says whether the token is this sandbox's: code is run for those only who may use envd too.
 * @returns none when there is no envd
 * @throws Fault `code_unauthenticated`
 */
export async function readSandboxEnvs(envdUrl: string, token: string | undefined): Promise<Envs> {
  const headers: Record<string, string> = token === undefined ? {} : { "X-Access-Token": token };
  const answer = await fetch(`${envdUrl}/envs`, { headers, signal: AbortSignal.timeout(ENVS_WITHIN_MS) }).catch(
    () => undefined,
  );
  if (answer === undefined) return {};
  if (answer.status === 401) {
    await answer.body?.cancel();
    throw faults.unauthenticated(undefined);
  }
  if (!answer.ok) {
    await answer.body?.cancel();
    return {};
  }
  return (await answer.json()) as Envs;
}

/** Changes when this machine is a copy of another: a sandbox from a template, or a fork. */
export function readIdentity(): string {
  try {
    return `${hostname()} ${readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()}`;
  } catch {
    return hostname();
  }
}
