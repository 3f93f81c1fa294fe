/** An installation for the end-to-end tests: own directory, ports, addresses and tag, and nothing left of it afterwards. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstallation, openDatabase } from "@sandlot/db";
import { findResidue, freePorts, isPortFree } from "@sandlot/host";
import { CHECKOUT, databaseUrl, loadSettings } from "@sandlot/stack";

export type TestInstallation = {
  readonly dataDir: string;
  /** For client programs: where it is, and where its data lies. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends it. @returns one line per thing that stayed */
  end(): Promise<string[]>;
};

const sandlot = (...words: string[]): string[] => [process.execPath, join(CHECKOUT, "apps/cli/main.ts"), ...words];

/** @throws Error when it does not come up; what it left has been removed then */
export async function startInstallation(signal: AbortSignal): Promise<TestInstallation> {
  const before = await hostObjects();
  const dataDir = mkdtempSync(join(tmpdir(), "sandlot-e2e-"));
  chmodSync(dataDir, 0o711);
  const words = ["up", "--detach", "--data", dataDir, "--port-base", String(await portBase())];
  const up = Bun.spawn(sandlot(...words), { stdio: ["ignore", "inherit", "inherit"], signal, killSignal: "SIGINT" });
  const end = () => endInstallation(dataDir, before);
  if ((await up.exited) !== 0) {
    await end();
    throw new Error("the installation did not come up");
  }
  const printed = await new Response(Bun.spawn(sandlot("env", "--json", "--data", dataDir)).stdout).json();
  const env = {
    ...(printed as Record<string, string>),
    SANDLOT_DATA_DIR: dataDir,
    SANDLOT_OTHER_API_KEY: await foreignKey(dataDir),
  };
  return { dataDir, env, end };
}

/** A second team's key, for tests of what one team may see of another. */
async function foreignKey(dataDir: string): Promise<string> {
  const apiKey = `e2b_${randomBytes(20).toString("hex")}`;
  const db = openDatabase({ connectionString: databaseUrl(loadSettings(dataDir)) });
  try {
    await ensureInstallation(db, { apiKey, teamName: "Other", teamSlug: "other", email: "other@localhost" });
  } finally {
    await db[Symbol.asyncDispose]();
  }
  return apiKey;
}

async function endInstallation(dataDir: string, before: ReadonlySet<string>): Promise<string[]> {
  const status = await new Response(Bun.spawn(sandlot("status", "--json", "--data", dataDir)).stdout).text();
  const tag = /"tag":"([a-z0-9]{4})"/.exec(status)?.[1] ?? "none";
  const down = Bun.spawn(sandlot("down", "--data", dataDir), { stdio: ["ignore", "inherit", "inherit"] });
  const exitCode = await down.exited;
  const residue = (await findResidue({ tag, dataDir })).map(({ kind, name }) => `${kind} ${name}`);
  const fresh = [...(await hostObjects())].filter((line) => !before.has(line));
  if (residue.length === 0) rmSync(dataDir, { recursive: true, force: true });
  return [...(exitCode === 0 ? [] : [`down exited with ${exitCode}`]), ...residue, ...fresh];
}

/** What the host has, whoever made it: links, namespaces, tables, loop devices and mounts. */
async function hostObjects(): Promise<Set<string>> {
  const commands = [
    ["ip", "-o", "link"],
    ["ip", "netns", "list"],
    ["nft", "list", "tables"],
    ["losetup", "-a"],
    ["findmnt", "-rno", "TARGET"],
  ];
  const lines = commands.map(async (argv) => {
    const text = await new Response(Bun.spawn(argv, { stderr: "ignore" }).stdout).text();
    // A link's number and flags change; its name is what counts.
    const name = (line: string): string =>
      argv[1] === "-o" ? ((line.split(": ")[1] ?? "").split("@")[0] ?? "") : line;
    return text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => `${argv.join(" ")}: ${name(line)}`);
  });
  return new Set((await Promise.all(lines)).flat());
}

/** A run of fourteen free ports somewhere high. */
async function portBase(): Promise<number> {
  for (let tries = 0; tries < 20; tries += 1) {
    const [start = 0] = await freePorts(1);
    if (start > 65_000) continue;
    const all = await Promise.all(Array.from({ length: 14 }, (_, offset) => isPortFree(start + offset)));
    if (all.every(Boolean)) return start;
  }
  throw new Error("found no run of free ports");
}
