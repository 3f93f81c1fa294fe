/** The one door to PostgreSQL: a pool, typed queries, transactions. Foreign errors become faults here and nowhere else. */

import type { PreparedQuery } from "@pgtyped/runtime";
import { isFault } from "@sandlot/faults";
import { Pool, type PoolClient } from "pg";
import { dbFaults } from "./faults";
import { readNewestMigration } from "./gen/read-newest-migration";
import { limits } from "./limits";
import { withPlainLoopback } from "./migrate";
import { NEWEST_MIGRATION } from "./newest-migration";

export type Queries = {
  /** Runs one query. @throws Fault `db_unavailable` when the server does not answer */
  run<P, R>(query: PreparedQuery<P, R>, params: P): Promise<R[]>;
};

export type Database = Queries &
  AsyncDisposable & {
    /** All or nothing. `work` must use the queries it is given. */
    transaction<T>(work: (queries: Queries) => Promise<T>): Promise<T>;
    /** @throws Fault `db_unavailable` */
    ping(): Promise<void>;
    /** @throws Fault `db_outdated` when the newest migration of this code has not been applied */
    assertMigrated(): Promise<void>;
  };

/** Server gone, starting or stopping, or out of connections; SQLSTATE classes 08, 53 and 57, and what sockets say. */
function translate(thrown: unknown): unknown {
  if (isFault(thrown) || !(thrown instanceof Error)) return thrown;
  const code = "code" in thrown ? String(thrown.code) : "";
  const isGone = /^(08|53|57)/.test(code) || /^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EAI_)/.test(code);
  const isSaid = /connection terminated|timeout exceeded|query read timeout|cannot use a pool/i.test(thrown.message);
  return isGone || isSaid ? dbFaults.unavailable({}, thrown) : thrown;
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw translate(thrown);
  }
}

function queriesOn(connection: Pool | PoolClient): Queries {
  return { run: (query, params) => translated(() => query.run(params, connection)) };
}

/** Connects lazily: a server that is down is a fault of the query, not of this call. */
export function openDatabase({ connectionString }: { connectionString: string }): Database {
  const pool = new Pool({
    connectionString: withPlainLoopback(connectionString),
    max: limits.connections,
    connectionTimeoutMillis: limits.connectMs,
    idleTimeoutMillis: limits.idleMs,
    query_timeout: limits.queryMs,
    statement_timeout: limits.queryMs,
  });
  // A broken idle connection is dropped by the pool itself; without a listener it would end the process.
  pool.on("error", () => undefined);
  const all = queriesOn(pool);
  return {
    run: all.run,
    async transaction(work) {
      const client = await translated(() => pool.connect());
      let broken: Error | undefined;
      try {
        await translated(() => client.query("BEGIN"));
        const result = await work(queriesOn(client));
        await translated(() => client.query("COMMIT"));
        return result;
      } catch (thrown) {
        await client.query("ROLLBACK").catch((failure: Error) => {
          broken = failure;
        });
        throw thrown;
      } finally {
        client.release(broken);
      }
    },
    async ping() {
      await translated(() => pool.query("SELECT 1"));
    },
    async assertMigrated() {
      const rows = await all.run(readNewestMigration, undefined).catch((thrown) => {
        if (thrown instanceof Error && "code" in thrown && thrown.code === "42P01") return [];
        throw thrown;
      });
      const found = rows[0]?.version ?? "none";
      if (found < NEWEST_MIGRATION || found === "none") throw dbFaults.outdated({ found, wanted: NEWEST_MIGRATION });
    },
    async [Symbol.asyncDispose]() {
      await pool.end();
    },
  };
}
