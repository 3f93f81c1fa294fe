/** What of the host's apt settings is needed to reach its archives from elsewhere. */
import { tryRun } from "./spawn";

/** Proxy and validity settings only: caches and hooks are the host's own affair. */
export async function readAptConf(): Promise<string[]> {
  const { stdout } = await tryRun(["apt-config", "dump"]);
  return stdout
    .split("\n")
    .filter((line) => /^Acquire::(https?::Proxy|ftp::Proxy|Check-Valid-Until|Check-Date|Retries)\b/.test(line))
    .filter((line) => !/(localhost|127\.0\.0\.1|\[::1\])/.test(line))
    .filter((line) => !/ "";$/.test(line))
    .sort();
}
