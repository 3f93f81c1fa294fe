/** The distribution's packages that an installation needs: installed when missing, without starting their services. */
import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tryRun } from "@sandlot/host";
import { stackFaults } from "../faults";
import type { Progress } from "../progress";
import { watchCommand } from "./commands";

/** Name, and what it is for. */
export const NEEDED = [
  "ca-certificates", // trust, and the list to compare the host's own additions with
  "debian-archive-keyring", // signatures of the base template's packages, also on Ubuntu
  "docker-registry", // where pushed images lie
  "e2fsprogs", // writable disks of sandboxes
  "erofs-utils", // sealed layers
  "gcc", // the launcher and PID 1
  "iproute2",
  "kmod",
  "libc6-dev",
  "lxcfs", // sandboxes see their own memory and processors
  "mmdebstrap",
  "mount",
  "nftables",
  "patchelf", // envd ships its own loader and libraries
  "postgresql",
  "procps",
  "redis-server",
  "umoci", // unpacks base images
  "util-linux",
  "xz-utils",
] as const;

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_ASIDE = `${POLICY}.before-sandlot`;
const CLUSTERS = "/etc/postgresql-common/createcluster.d";
const NO_CLUSTER = `${CLUSTERS}/sandlot.conf`;

/** Installs what is missing; asks the archive only then. @throws Fault `stack_packages_failed` */
export async function ensurePackages(progress: Progress, signal?: AbortSignal): Promise<void> {
  await ensureAlso(NEEDED, progress, signal);
}

/** The same for packages that only some machines need. @throws Fault `stack_packages_failed` */
export async function ensureAlso(names: readonly string[], progress: Progress, signal?: AbortSignal): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  progress.say("packages", `installing ${missing.length}: ${missing.join(" ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive", NEEDRESTART_MODE: "l" };
  const apt = async (what: string, ...words: string[]): Promise<void> => {
    const lines = { onLine: (line: string) => aptLine(line, (text) => progress.say("packages", text)) };
    const ended = await watchCommand({
      argv: ["apt-get", "-q", ...words],
      env: { ...proxyEnv(), ...env },
      ...lines,
      signal,
    });
    if (ended.exitCode !== 0)
      throw stackFaults.packages_failed({ packages: missing.join(" "), output: `${what}: ${ended.tail}` });
  };
  await apt("update", "update");
  using _quiet = withoutServiceStarts();
  await apt("install", "install", "-y", "--no-install-recommends", ...missing);
}

export async function missingPackages(names: readonly string[]): Promise<string[]> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query fills these in
  const { stdout } = await tryRun(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", ...names]);
  const there = new Set(
    stdout
      .split("\n")
      .filter((line) => / [a-z]i/.test(line))
      .map((line) => line.split(" ")[0]),
  );
  return names.filter((name) => !there.has(name));
}

/** Of apt's many lines only the milestones. */
function aptLine(line: string, say: (text: string) => void): void {
  if (/^(Need to get|Fetched|After this operation)/.test(line)) say(line.trim());
}

function proxyEnv(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(
    names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])),
  );
}

/**
 * While held, packages neither start services nor make a PostgreSQL cluster: ours are private children. What was there
 * before is put back, also after a crash in between, by the next call.
 */
function withoutServiceStarts(): Disposable {
  if (existsSync(POLICY) && !existsSync(POLICY_ASIDE)) renameSync(POLICY, POLICY_ASIDE);
  writeFileSync(POLICY, "#!/bin/sh\nexit 101\n");
  chmodSync(POLICY, 0o755);
  mkdirSync(CLUSTERS, { recursive: true });
  writeFileSync(NO_CLUSTER, "create_main_cluster = false\n");
  return {
    [Symbol.dispose]() {
      rmSync(NO_CLUSTER, { force: true });
      rmSync(POLICY, { force: true });
      if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
    },
  };
}
