// A namespace that stands for the internet: public-looking addresses that are routed to it and never leave this host.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const here = new URL(".", import.meta.url).pathname;
export const ORIGIN = "198.51.100.77";
/** Routed there too; nothing that a test allows listens on it. */
export const ELSEWHERE = "100.128.0.77";
const METADATA = "169.254.170.2";
const [HOST_END, FAR_END] = ["203.0.114.252", "203.0.114.254"];
const NETNS = "sandlot-outside";
const LINK = "eg-outside";

const ip = (...words) => execFileSync("ip", words, { stdio: "pipe" });
const inside = (...words) => ip("-n", NETNS, ...words);

function remove() {
  for (const words of [
    ["netns", "del", NETNS],
    ["link", "del", LINK],
  ])
    try {
      ip(...words);
    } catch {
      // not there
    }
}

/** `names`: host names that the TLS origin can prove to be. */
export async function startOutside({ names }) {
  remove();
  const dir = mkdtempSync(join(tmpdir(), "sandlot-outside-"));
  makeCertificates(dir, names);
  ip("netns", "add", NETNS);
  ip("link", "add", "name", LINK, "type", "veth", "peer", "name", "out0", "netns", NETNS);
  ip("addr", "add", `${HOST_END}/30`, "dev", LINK);
  ip("link", "set", LINK, "up");
  inside("addr", "add", `${FAR_END}/30`, "dev", "out0");
  for (const address of [ORIGIN, ELSEWHERE, METADATA]) inside("addr", "add", `${address}/32`, "dev", "out0");
  inside("link", "set", "lo", "up");
  inside("link", "set", "out0", "up");
  inside("route", "add", "default", "via", HOST_END);
  for (const address of [ORIGIN, ELSEWHERE, METADATA])
    ip("route", "replace", `${address}/32`, "via", FAR_END, "dev", LINK);
  const program = [process.execPath, join(here, "servers.mjs"), dir, ORIGIN, METADATA];
  const servers = spawn("nsenter", [`--net=/run/netns/${NETNS}`, ...program], { stdio: ["ignore", "pipe", "inherit"] });
  await once(servers.stdout, "data");
  return {
    caFile: join(dir, "ca.pem"),
    dns: `${ORIGIN}:5300`,
    /** What was asked of the servers since the last look. */
    heard: async () => await (await fetch(`http://${ORIGIN}/heard`)).json(),
    end() {
      servers.kill();
      remove();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

function makeCertificates(dir, names) {
  const openssl = (...words) => execFileSync("openssl", words, { cwd: dir, stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  openssl("req", "-x509", ...key, "-subj", "/CN=Outside root", "-keyout", "ca.key", "-out", "ca.pem");
  openssl("req", "-new", ...key.slice(0, 5), "-subj", "/CN=outside", "-keyout", "key.pem", "-out", "request.pem");
  writeFileSync(join(dir, "names"), `subjectAltName=${names.map((name) => `DNS:${name}`).join(",")}\n`);
  const sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"];
  openssl("x509", "-req", "-in", "request.pem", ...sign, "-out", "cert.pem");
  writeFileSync(
    join(dir, "cert.pem"),
    readFileSync(join(dir, "cert.pem"), "utf8") + readFileSync(join(dir, "ca.pem"), "utf8"),
  );
}
