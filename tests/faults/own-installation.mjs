// An installation of a test's own, for what must not be done to a shared one: its services are killed, and it is taken
// down at the end to see what stays.
import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { client, until } from "../e2e/support.mjs";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;

/** A base with the ports that `up` uses above it free. */
async function freePortBase() {
  const isFree = (port) =>
    new Promise((resolve) => {
      const server = net.createServer();
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
    });
  for (let base = 21_000 + (process.pid % 300) * 20; base < 60_000; base += 20) {
    const free = await Promise.all(Array.from({ length: 16 }, (_, at) => isFree(base + at)));
    if (free.every(Boolean)) return base;
  }
  throw new Error("no free ports");
}

/** `flags` of its first `up`; `parent` for a data directory on a file system of its own. */
export async function startOwnInstallation({ flags = [], parent = tmpdir() } = {}) {
  const dataDir = mkdtempSync(join(parent, "sandlot-own-"));
  chmodSync(dataDir, 0o711);
  const sandlot = async (...words) =>
    (await run(join(root, "sandlot"), [...words, "--data", dataDir], { timeout: 180_000, maxBuffer: 1 << 24 })).stdout;
  await sandlot("up", "--detach", "--port-base", String(await freePortBase()), ...flags);
  const env = JSON.parse(await sandlot("env", "--json"));
  const { tag } = JSON.parse(readFileSync(join(dataDir, "stack.json"), "utf8"));
  const connection = {
    apiKey: env.E2B_API_KEY,
    apiUrl: env.E2B_API_URL,
    sandboxUrl: env.E2B_SANDBOX_URL,
    domain: env.E2B_DOMAIN,
  };
  const services = async () => JSON.parse(await sandlot("status", "--json")).services;
  const pidOf = async (name) => (await services()).find((service) => service.name === name)?.pid;
  return {
    dataDir,
    tag,
    connection,
    services,
    pidOf,
    sandlot,
    create: (options = {}) => client.Sandbox.create("base", { timeoutMs: 60_000, ...connection, ...options }),
    list: async () => {
      const answer = await fetch(`${connection.apiUrl}/v2/sandboxes?limit=100`, {
        headers: { "X-API-Key": connection.apiKey },
      });
      if (answer.status !== 200) throw new Error(`list: ${answer.status}`);
      return answer.json();
    },
    /** Kills one service outright and waits for its successor. */
    async killService(name) {
      const pid = await pidOf(name);
      process.kill(pid, "SIGKILL");
      const isBack = async () => ![undefined, pid].includes(await pidOf(name).catch(() => undefined));
      await until(isBack, { withinMs: 60_000, everyMs: 200, what: `the return of ${name}` });
    },
    /** What the host holds for machines now, by kind. */
    held() {
      const count = (dir) => readdirSync(dir).length;
      const loops = readdirSync("/sys/block").filter((name) => {
        try {
          return readFileSync(`/sys/block/${name}/loop/backing_file`, "utf8").startsWith(dataDir);
        } catch {
          return false;
        }
      });
      return {
        machines: count(join(dataDir, "node/machines")),
        ids: count(join(dataDir, "node/ids")),
        loops: loops.length,
        namespaces: readdirSync("/run/netns").filter((name) => name.startsWith(`sandlot-${tag}-`)).length,
        links: readdirSync("/sys/class/net").filter((name) => name.startsWith(`sl${tag}`)).length,
      };
    },
    /** Takes it down and tells what is left on the host. */
    async end() {
      await sandlot("down");
      const code = `import { findResidue } from "@sandlot/host"; console.log(JSON.stringify(await findResidue(${JSON.stringify({ tag, dataDir })})))`;
      const bun = join(root, ".sandlot/bun/bun");
      const at = { cwd: join(root, "packages/stack"), timeout: 30_000 };
      const { stdout } = await run(bun, ["-e", code], at).catch((error) =>
        error.code === "ENOENT" ? run("bun", ["-e", code], at) : Promise.reject(error),
      );
      const residue = JSON.parse(stdout);
      if (residue.length === 0) rmSync(dataDir, { recursive: true, force: true });
      return residue.map(({ kind, name }) => `${kind} ${name}`);
    },
  };
}
