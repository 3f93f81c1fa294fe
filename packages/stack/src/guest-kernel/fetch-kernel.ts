/** A distribution's kernel for virtual machines, downloaded and unpacked, never installed: /boot stays as it is. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { tryRun } from "@sandlot/host";
import { proxies } from "../base/build";
import { watchCommand } from "../host/commands";
import type { Progress } from "../progress";

/** Fills `into` with the packages' tree; @throws Error with what went wrong */
export type KernelSource = (of: {
  into: string;
  progress: Progress;
  signal?: AbortSignal | undefined;
}) => Promise<void>;

/** By `ID` of os-release. Each depends on the package of its newest kernel. */
const META: Readonly<Record<string, (arch: string) => string>> = {
  debian: (arch) => `linux-image-cloud-${arch}`,
  ubuntu: () => "linux-image-virtual",
};

/** From the host's own archive, by its apt, which checks the signature. Costs some 25 MB. */
export const fetchKernel: KernelSource = async ({ into, progress, signal }) => {
  const meta = await metaPackage();
  // What the archive had when it was last asked may be gone by now: then it is asked again.
  const download = async (): Promise<string> => {
    const names = await packagesOf(meta);
    progress.say("kernel", `fetching ${names.join(" ")}`);
    mkdirSync(join(into, "packages"), { recursive: true });
    const ended = await watchCommand({
      // As root: the directory is not the user's that apt would become.
      argv: ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", ...names],
      env: proxies(),
      cwd: join(into, "packages"),
      signal,
    });
    return ended.exitCode === 0 ? "" : ended.tail;
  };
  let failure = await download().catch((thrown) => String(thrown));
  if (failure !== "") {
    signal?.throwIfAborted();
    await watchCommand({ argv: ["apt-get", "-q", "update"], env: proxies(), signal });
    failure = await download();
  }
  if (failure !== "") throw new Error(failure);
  mkdirSync(join(into, "root"));
  for (const name of readdirSync(join(into, "packages"))) {
    const argv = ["dpkg-deb", "-x", join(into, "packages", name), join(into, "root")] as const;
    const ended = await watchCommand({ argv, signal });
    if (ended.exitCode !== 0) throw new Error(ended.tail);
  }
};

async function metaPackage(): Promise<string> {
  const ids = /^(?:ID|ID_LIKE)="?([^"\n]*)/gm;
  const found = [...readFileSync("/etc/os-release", "utf8").matchAll(ids)].flatMap((match) =>
    (match[1] ?? "").split(" "),
  );
  const { stdout } = await tryRun(["dpkg", "--print-architecture"]);
  const name = found.map((id) => META[id]).find((meta) => meta !== undefined);
  if (name === undefined) throw new Error("this distribution's kernel for virtual machines is not known");
  return name(stdout.trim());
}

/** The kernel's own package, and that of its modules where they come apart. */
async function packagesOf(meta: string): Promise<string[]> {
  const [image] = (await dependsOf(meta)).filter((name) => /^linux-image-(?!.*unsigned)/.test(name));
  if (image === undefined) throw new Error(`the archive has no ${meta}`);
  const modules = (await dependsOf(image)).filter((name) => name.startsWith("linux-modules-"));
  return [image, ...modules];
}

async function dependsOf(name: string): Promise<string[]> {
  const { stdout } = await tryRun(["apt-cache", "depends", "--no-recommends", "--no-suggests", name]);
  return [...stdout.matchAll(/^ *\|?Depends: (\S+)$/gm)].map((match) => match[1] ?? "");
}
