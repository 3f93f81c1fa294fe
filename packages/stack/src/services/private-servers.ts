/** This installation's PostgreSQL and Redis. */
import {
  type PrivatePostgres,
  type PrivateRedis,
  readMark,
  runningPostgres,
  startPostgres,
  startRedis,
  stopPostgres,
  stopRedis,
} from "@sandlot/host";
import { type DataPaths, pathsOf } from "../paths";
import type { Secrets } from "../secrets";
import type { Settings } from "../settings";

export function ensurePostgres(settings: Settings, secrets: Secrets): Promise<PrivatePostgres> {
  const paths = pathsOf(settings.dataDir);
  return startPostgres({
    dir: paths.postgres,
    port: settings.ports.postgres,
    password: secrets.postgresPassword,
    logPath: paths.log("postgres"),
    socketDir: `${paths.run}/postgres`,
  });
}

export function ensureRedis(settings: Settings, secrets: Secrets): Promise<PrivateRedis> {
  const paths = pathsOf(settings.dataDir);
  return startRedis({
    dir: paths.redis,
    port: settings.ports.redis,
    password: secrets.redisPassword,
    logPath: paths.log("redis"),
    markPath: paths.mark("redis"),
  });
}

export function runningServers(paths: DataPaths): { postgres: number | undefined; redis: number | undefined } {
  return { postgres: runningPostgres(paths.postgres)?.mark.pid, redis: readMark(paths.mark("redis"))?.pid };
}

export async function endServers(paths: DataPaths): Promise<void> {
  await Promise.all([stopPostgres(paths.postgres), stopRedis(paths.mark("redis"))]);
}
