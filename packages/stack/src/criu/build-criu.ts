/** CRIU built from source, for machines that reach their own distribution's archive and not Debian's newest suite. */
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { archiveUris } from "@sandlot/host";
import { watchCommand } from "../host/commands";
import { ensureAlso } from "../host/packages";
import { silentProgress } from "../progress";
import type { CriuSource } from "./ensure-criu";
import { CRIU_CACHE } from "./find-criu";

const VERSION = "4.2.1";
/** Of the release's source as Debian carries it, criu_4.2.1.orig.tar.xz. */
const SHA256 = "29ec0ee09e296479fe7048c80980e8ef1d0684d0b0204c2b101dfea19f6725b9";

/** Someone without any archive may put the source here by hand. */
export const SOURCE_BY_HAND = join(CRIU_CACHE, `criu-${VERSION}.tar.xz`);

const BUILD_NEEDS = [
  ...["gcc", "make", "pkg-config", "python3", "xz-utils", "protobuf-compiler", "protobuf-c-compiler"],
  ...["libbsd-dev", "libcap-dev", "libgnutls28-dev", "libnet1-dev", "libnftables-dev", "libnl-3-dev"],
  ...["libprotobuf-c-dev", "libprotobuf-dev", "uuid-dev"],
];

/** About a minute of processor time, and needs the packages above, which stay installed. */
export const buildCriu: CriuSource = async ({ into, progress, signal }) => {
  progress.say("criu", `building ${VERSION} from source`);
  const tree = join(into, "source");
  mkdirSync(tree);
  const archive = join(into, "source.tar.xz");
  await fetchSource(archive, signal);
  await ensureAlso(BUILD_NEEDS, silentProgress, signal);
  await must(["tar", "-xJf", archive, "-C", tree, "--strip-components=1"], tree, signal);
  await must(["make", "-j2", "criu"], tree, signal);
  mkdirSync(join(into, "root/usr/sbin"), { recursive: true });
  copyFileSync(join(tree, "criu/criu"), join(into, "root/usr/sbin/criu"));
  rmSync(tree, { recursive: true });
  rmSync(archive);
  return `exec "$R/usr/sbin/criu" "$@"`;
};

/** From the hand that put it there, or any archive the host's apt knows. */
async function fetchSource(to: string, signal?: AbortSignal): Promise<void> {
  const tried: string[] = [];
  const isRight = (bytes: Uint8Array): boolean => createHash("sha256").update(bytes).digest("hex") === SHA256;
  if (existsSync(SOURCE_BY_HAND)) {
    const bytes = readFileSync(SOURCE_BY_HAND);
    if (isRight(bytes)) return await Bun.write(to, bytes).then(() => undefined);
    tried.push(`${SOURCE_BY_HAND} is not the pinned source`);
  }
  for (const uri of archiveUris()) {
    for (const component of ["main", "universe"]) {
      const url = `${uri}/pool/${component}/c/criu/criu_${VERSION}.orig.tar.xz`;
      const answer = await fetch(url, signal === undefined ? {} : { signal }).catch((thrown: Error) => thrown);
      if (answer instanceof Error || !answer.ok) continue;
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (isRight(bytes)) return await Bun.write(to, bytes).then(() => undefined);
      tried.push(`${url} is not the pinned source`);
    }
  }
  throw new Error(tried[0] ?? `no archive of this host has ${VERSION}; it may be put at ${SOURCE_BY_HAND}`);
}

async function must(argv: [string, ...string[]], cwd: string, signal?: AbortSignal): Promise<void> {
  const ended = await watchCommand({ argv, cwd, signal });
  if (ended.exitCode !== 0) throw new Error(`${argv[0]}: ${ended.tail}`);
}
