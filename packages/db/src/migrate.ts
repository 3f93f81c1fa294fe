/** Brings a database to the newest schema with dbmate. Forward only; each file runs once, in a transaction. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { resolveBinary } from "dbmate";
import { dbFaults } from "./faults";
import { NEWEST_MIGRATION } from "./newest-migration";

export { NEWEST_MIGRATION };

/** dbmate's driver insists on TLS unless told otherwise; a loopback server of ours has none. */
export function withPlainLoopback(connectionString: string): string {
  const url = new URL(connectionString);
  const isLocal = ["127.0.0.1", "localhost", "[::1]", ""].includes(url.hostname);
  if (isLocal && !url.searchParams.has("sslmode")) url.searchParams.set("sslmode", "disable");
  return url.toString();
}

/**
 * Needs the package's folder (`migrations/`) and dbmate's binary on disk: call it from a checkout or name them.
 * @throws Fault `db_migration_failed` with what dbmate said; `db_unavailable` when the server does not answer in 10 s
 */
export async function migrate(of: {
  connectionString: string;
  migrationsFolder?: string;
  dbmatePath?: string;
}): Promise<{ newest: string; output: string }> {
  const folder = of.migrationsFolder ?? join(dirname(import.meta.dir), "migrations");
  const program = of.dbmatePath ?? resolveBinary();
  if (!existsSync(folder)) throw dbFaults.migration_failed({ output: `there is no folder ${folder}` });
  const args = ["--no-dump-schema", "--migrations-dir", folder, "--wait", "--wait-timeout", "10s", "up"];
  const env = { DATABASE_URL: withPlainLoopback(of.connectionString) };
  const child = spawn(program, args, { env, cwd: "/", stdio: ["ignore", "pipe", "pipe"] });
  const said: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => said.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => said.push(chunk));
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const output = Buffer.concat(said).toString("utf8").trim();
  if (status !== 0) {
    if (/unable to connect|connection refused/i.test(output)) throw dbFaults.unavailable({}, new Error(output));
    throw dbFaults.migration_failed({ output });
  }
  return { newest: NEWEST_MIGRATION, output };
}
