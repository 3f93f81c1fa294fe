/** An installation for the end-to-end tests: own directory, ports, addresses and tag, and nothing left of it afterwards. */
import { randomBytes } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureInstallation, openDatabase } from "@sandlot/db";
import { findResidue, freePortRun, tryRun } from "@sandlot/host";
import { CHECKOUT, databaseUrl, loadSettings, tagOf } from "@sandlot/stack";

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
  const dataDir = mkdtempSync(join(tmpdir(), "sandlot-e2e-"));
  chmodSync(dataDir, 0o711);
  const tag = tagOf(dataDir);
  const before = await hostObjects(tag);
  // A loopback address of its own, so that a resolver's file can name the installation's server.
  const dnsHost = `127.53.${randomBytes(1)[0]}.${1 + ((randomBytes(1)[0] as number) % 254)}`;
  const names = ["--dns-host", dnsHost, "--dns-port", "53"];
  const words = [
    "up",
    "--detach",
    "--data",
    dataDir,
    "--port-base",
    String(await freePortRun(16)),
    "--warm",
    "8",
    ...names,
  ];
  const up = Bun.spawn(sandlot(...words), { stdio: ["ignore", "inherit", "inherit"], signal, killSignal: "SIGINT" });
  const end = () => endInstallation({ dataDir, tag, before });
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

async function endInstallation(of: { dataDir: string; tag: string; before: ReadonlySet<string> }): Promise<string[]> {
  const { dataDir, tag, before } = of;
  const down = Bun.spawn(sandlot("down", "--data", dataDir), { stdio: ["ignore", "inherit", "inherit"] });
  const exitCode = await down.exited;
  const residue = (await findResidue({ tag, dataDir })).map(({ kind, name }) => `${kind} ${name}`);
  const fresh = [...(await hostObjects(tag))].filter((line) => !before.has(line));
  if (residue.length === 0) rmSync(dataDir, { recursive: true, force: true });
  return [...(exitCode === 0 ? [] : [`down exited with ${exitCode}`]), ...residue, ...fresh];
}

/**
 * What the host has by name, whoever made it: links, namespaces and tables. Those that carry another installation's tag are
 * that one's affair, and come and go with it.
 */
async function hostObjects(tag: string): Promise<Set<string>> {
  const [links, namespaces, tables] = await Promise.all([
    tryRun(["ip", "-o", "link"]),
    tryRun(["ip", "netns", "list"]),
    tryRun(["nft", "list", "tables"]),
  ]);
  const names = [
    ...links.stdout.split("\n").map((line) => `link ${(line.split(": ")[1] ?? "").split("@")[0]}`),
    ...namespaces.stdout.split("\n").map((line) => `namespace ${line.split(" ")[0]}`),
    ...tables.stdout.split("\n").map((line) => line.replace(/^table/, "nft table")),
  ];
  const foreign = new RegExp(`^(link sl|namespace sandlot-|nft table inet sandlot_)(?!${tag})`);
  return new Set(names.filter((name) => / \S/.test(name) && !foreign.test(name)));
}
