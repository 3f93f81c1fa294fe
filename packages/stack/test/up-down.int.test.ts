/** A whole installation through its command line: up, a second up, restart, crashes, Ctrl-C, down. Nothing stays. */
import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { findResidue } from "@sandlot/host";
import { freePortRun, freePorts, leftBy, temporaryDirectory } from "@sandlot/testkit";
import { CHECKOUT, tagOf } from "../src/index";

const dataDir = temporaryDirectory("up-down");
const residueOf = { tag: tagOf(dataDir), dataDir };
const LONG_MS = 120_000;
let base: readonly string[] = [];

type Said = { code: number; out: string; err: string };
type Status = { isUp: boolean; sandboxes?: number; services: { name: string; pid?: number; state: string }[] };

function start(...words: string[]) {
  const argv = [process.execPath, join(CHECKOUT, "apps/cli/main.ts"), ...words, "--data", dataDir];
  return Bun.spawn(argv, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
}

async function sandlot(...words: string[]): Promise<Said> {
  const child = start(...words);
  const [out, err, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, out, err };
}

const status = async (): Promise<Status> => JSON.parse((await sandlot("status", "--json")).out) as Status;
const pidOf = (now: Status, name: string): number => now.services.find((one) => one.name === name)?.pid ?? 0;

async function until(check: () => Promise<boolean>, what: string): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await check()) return;
    await Bun.sleep(100);
  }
  throw new Error(`${what} did not happen in time`);
}

/** What a client would do, with nothing but what `env` prints. */
async function createSandbox(): Promise<string> {
  const env = JSON.parse((await sandlot("env", "--json")).out) as Record<string, string>;
  const answer = await fetch(`${env.E2B_API_URL}/sandboxes`, {
    method: "POST",
    headers: { "X-API-Key": env.E2B_API_KEY ?? "", "Content-Type": "application/json" },
    body: JSON.stringify({ templateID: "base", timeout: 1_800 }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { sandboxID: string }).sandboxID;
}

beforeAll(async () => {
  base = ["--port-base", String(await freePortRun(16)), "--warm", "1"];
});

afterAll(async () => {
  await sandlot("down");
  rmSync(dataDir, { recursive: true, force: true });
}, LONG_MS);

describe("an installation", () => {
  it("says in one line which port is taken and which flag moves it, and leaves nothing", async () => {
    const [taken = 0] = await freePorts(1);
    const server = createServer().listen(taken, "127.0.0.1");
    const said = await sandlot("up", "--detach", ...base, "--proxy-port", String(taken));
    server.close();
    expect(said.code).toBe(1);
    expect(said.err).toMatch(new RegExp(`^sandlot: port ${taken} .*--proxy-port.*\\n$`));
    expect(await leftBy(residueOf, 0)).toEqual([]);
  });

  it(
    "comes up, and a second up says so at once",
    async () => {
      // A port whose owner is still ending is waited for.
      const ending = createServer().listen(Number(base[1]), "127.0.0.1");
      setTimeout(() => ending.close(), 1_000);
      const first = await sandlot("up", "--detach", ...base);
      expect(first).toMatchObject({ code: 0, err: "" });
      expect(first.out).toContain("isolation: container: shared kernel");
      const second = await sandlot("up", "--detach");
      expect(second.code).toBe(0);
      expect(second.out).toContain("already up");
      expect(second.out).not.toMatch(/ (service|build) {2,}/);
      expect(second.out).toMatch(/^export E2B_API_KEY=e2b_[0-9a-f]{40}$/m);
      expect((await status()).isUp).toBe(true);
      const other = await sandlot("up", "--detach", "--runtime", "container,qemu");
      expect(other).toMatchObject({ code: 1, out: "" });
      expect(other.err).toContain(
        "is up, and its settings cannot change meanwhile: runtime is container and not container,qemu",
      );
      expect((await sandlot("up", "--detach", ...base)).out).toContain("already up");
    },
    LONG_MS,
  );

  it(
    "keeps its sandboxes over a restart of every service",
    async () => {
      await createSandbox();
      const before = await status();
      expect((await sandlot("restart")).code).toBe(0);
      await until(async () => (await status()).sandboxes === 1, "the sandbox's return");
      const after = await status();
      for (const name of ["orchestrator", "api", "client-proxy"])
        expect(pidOf(after, name)).not.toBe(pidOf(before, name));
      expect(pidOf(after, "supervisor")).toBe(pidOf(before, "supervisor"));
    },
    LONG_MS,
  );

  it.each(["api", "client-proxy", "orchestrator", "redis", "postgres"])(
    "brings %s back after kill -9",
    async (name) => {
      const before = pidOf(await status(), name);
      process.kill(before, "SIGKILL");
      await until(async () => {
        const now = await status();
        return now.isUp && ![0, before].includes(pidOf(now, name)) && now.sandboxes === 1;
      }, `the return of ${name}`);
    },
    LONG_MS,
  );

  it(
    "is adopted as it is by the next up when its supervisor was killed",
    async () => {
      const before = await status();
      process.kill(pidOf(before, "supervisor"), "SIGKILL");
      expect((await status()).isUp).toBe(false);
      expect((await sandlot("up", "--detach")).code).toBe(0);
      const after = await status();
      expect(after.sandboxes).toBe(1);
      for (const name of ["orchestrator", "api", "client-proxy", "redis"])
        expect(pidOf(after, name)).toBe(pidOf(before, name));
    },
    LONG_MS,
  );

  it(
    "warns of a firewall of others that drops what sandboxes send, and says the cure",
    async () => {
      // Its own accept lets everything pass: the policy alone is what is seen.
      const table = `sl_foreign_${residueOf.tag}`;
      const chain = "chain FORWARD { type filter hook forward priority 0; policy drop; accept; }";
      const rules = Bun.spawn(["nft", `table ip ${table} { ${chain}; }`]);
      expect(await rules.exited).toBe(0);
      try {
        for (const words of [["status"], ["up", "--detach"]]) {
          const line = (await sandlot(...words)).out.split("\n").find((one) => one.includes(table));
          expect(line).toMatch(
            /^warning.* FORWARD drops what it does not know: .*iptables -I FORWARD -i sl\+ -j ACCEPT/,
          );
        }
      } finally {
        await Bun.spawn(["nft", "delete", "table", "ip", table]).exited;
      }
      expect((await sandlot("status")).out).not.toContain(table);
    },
    LONG_MS,
  );

  it(
    "leaves nothing on down when everything but the sandbox itself was killed",
    async () => {
      const now = await status();
      expect(now.sandboxes).toBe(1);
      const supervisor = pidOf(now, "supervisor");
      process.kill(supervisor, "SIGKILL"); // first: it would bring the others back
      for (const { pid = 0 } of now.services) if (pid > 1 && pid !== supervisor) process.kill(pid, "SIGKILL");
      const helpers = (await findResidue(residueOf)).filter(
        ({ kind, name }) => kind === "process" && /launcher|lxcfs/.test(name.split(" ")[1] ?? ""),
      );
      expect(helpers.length).toBeGreaterThan(1);
      for (const { name } of helpers) process.kill(Number(name.split(" ")[0]), "SIGKILL");
      expect(await sandlot("down")).toMatchObject({ code: 0, err: "" });
      expect(await leftBy(residueOf, 0)).toEqual([]);
      expect(await sandlot("down")).toMatchObject({ code: 0, err: "" });
      expect((await sandlot("status")).code).toBe(1);
    },
    LONG_MS,
  );

  it(
    "ends everything on Ctrl-C in the foreground",
    async () => {
      const child = start("up");
      const reader = child.stdout.getReader();
      let seen = "";
      while (!seen.includes("Ctrl-C ends")) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`up ended: ${seen}${await new Response(child.stderr).text()}`);
        seen += new TextDecoder().decode(value);
      }
      await createSandbox();
      child.kill("SIGINT");
      expect(await child.exited).toBe(0);
      expect(await leftBy(residueOf, 0)).toEqual([]);
    },
    LONG_MS,
  );
});
