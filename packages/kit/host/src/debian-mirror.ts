/** Where Debian's archive is from here: the host's own mirror if it has one, else what mmdebstrap itself knows. */
import { join } from "node:path";
import { list, readText } from "./reads";

/** One-line sources of a suite, its updates and its security fixes; none on a host that has no mirror of Debian. */
export function debianSources(suite: string, hostSources: readonly string[] = readHostSources()): string[] {
  const uris = hostSources.flatMap(urisOf);
  const main = debianMirror(hostSources);
  const security = uris.find((uri) => /\/debian-security\/?$/.test(uri));
  if (main === undefined) return [];
  const sources = [`deb ${main} ${suite} main`, `deb ${main} ${suite}-updates main`];
  return security === undefined ? sources : [...sources, `deb ${trim(security)} ${suite}-security main`];
}

/** The host's own mirror of Debian's archive, if it has one. */
export function debianMirror(hostSources: readonly string[] = readHostSources()): string | undefined {
  const found = hostSources.flatMap(urisOf).find((uri) => /\/debian\/?$/.test(uri));
  return found === undefined ? undefined : trim(found);
}

/** Every archive that the host's apt installs from, whosever it is. */
export function archiveUris(hostSources: readonly string[] = readHostSources()): string[] {
  return [...new Set(hostSources.flatMap(urisOf).map(trim))];
}

/** Both formats of apt: `URIs:` fields, and lines that begin with deb. */
function urisOf(text: string): string[] {
  const fields = [...text.matchAll(/^URIs:\s*(.+)$/gm)].flatMap(([, list]) => (list ?? "").trim().split(/\s+/));
  const lines = [...text.matchAll(/^deb\s+(?:\[[^\]]*\]\s+)?(\S+)/gm)].map(([, uri]) => uri ?? "");
  return [...fields, ...lines].filter((uri) => /^https?:/.test(uri));
}

function readHostSources(): string[] {
  const dir = "/etc/apt/sources.list.d";
  const names = list(dir).filter((name) => /\.(list|sources)$/.test(name));
  return ["/etc/apt/sources.list", ...names.map((name) => join(dir, name))].map(readText);
}

function trim(uri: string): string {
  return uri.replace(/\/$/, "");
}
