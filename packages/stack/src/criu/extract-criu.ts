/** CRIU out of Debian's packages, unpacked and never installed. */
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { debianMirror, readAptConf } from "@sandlot/host";
import { Glob } from "bun";
import { proxies } from "../base/build";
import { watchCommand } from "../host/commands";
import type { CriuSource } from "./ensure-criu";

/** Debian releases carry CRIUs that are too old for new kernels; this suite follows upstream. */
const SUITE = "sid";
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/**
 * mmdebstrap downloads and unpacks the packages with all they depend on, their C library included, and checks the
 * archive's signature. From the host's own mirror of Debian; where there is none or it fails, from the one mmdebstrap knows.
 */
export const extractCriu: CriuSource = async ({ into, progress, signal }) => {
  const mirror = debianMirror();
  // A mirror that stands still signs a list that has run out; the signature is checked all the same.
  const aptopts = ['Acquire::Check-Valid-Until "false"', 'Acquire::Retries "1"', ...(await readAptConf())];
  const attempts = [...(mirror === undefined ? [] : [[`deb [signed-by=${KEYRING}] ${mirror} ${SUITE} main`]]), []];
  let failure = "";
  for (const sources of attempts) {
    progress.say("criu", `fetching from ${sources.length === 0 ? "Debian's archive" : mirror}`);
    const ended = await watchCommand({
      argv: [
        "mmdebstrap",
        ...["--variant=extract", "--mode=root", "--format=directory", "--include=criu"],
        ...aptopts.map((line) => `--aptopt=${line}`),
        ...[SUITE, join(into, "root"), ...sources],
      ],
      env: proxies(),
      signal,
    });
    if (ended.exitCode === 0) {
      // What makes a tree a system, and differs from machine to machine, is of no use here.
      for (const name of readdirSync(join(into, "root")).filter((entry) => entry !== "usr"))
        rmSync(join(into, "root", name), { recursive: true, force: true });
      return runnerOf(into);
    }
    failure = ended.tail;
  }
  throw new Error(failure);
};

/** Its own loader finds its own libraries: the host's may be years older. */
function runnerOf(into: string): string {
  const [loader] = [...new Glob("root/usr/lib/*-linux-gnu*/ld-linux*.so.*").scanSync({ cwd: into, onlyFiles: false })];
  if (loader === undefined) throw new Error("the packages brought no loader");
  const inRoot = loader.replace(/^root/, "$R");
  return `exec "${inRoot}" --library-path "${dirname(inRoot)}" "$R/usr/sbin/criu" "$@"`;
}
