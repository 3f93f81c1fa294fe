/** Migrations are numbered by time, unique, forward only, and the code knows the newest. Called by check.ts. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { NEWEST_MIGRATION } from "@sandlot/db";
import { ROOT } from "./check/workspace";

const FOLDER = "packages/db/migrations";
const NAME = /^(\d{14})_[a-z0-9_]+\.sql$/;

export function checkMigrations(): string[] {
  const names = readdirSync(join(ROOT, FOLDER)).sort();
  const versions = names.map((name) => NAME.exec(name)?.[1] ?? "");
  const newest = versions.at(-1);
  return [
    ...names.flatMap((name) => problemsOf(name)),
    ...versions.flatMap((version, at) =>
      version !== "" && versions.indexOf(version) !== at ? [`two migrations are called ${version}`] : [],
    ),
    ...(newest === NEWEST_MIGRATION ? [] : [`the code wants migration ${NEWEST_MIGRATION}, the newest is ${newest}`]),
  ];
}

function problemsOf(name: string): string[] {
  if (!NAME.test(name)) return [`${FOLDER}/${name} is not called <yyyymmddhhmmss>_<words>.sql`];
  const text = readFileSync(join(ROOT, FOLDER, name), "utf8");
  if (!text.includes("-- migrate:up")) return [`${FOLDER}/${name} has no "-- migrate:up"`];
  const down = (text.split("-- migrate:down")[1] ?? "").replace(/--.*$/gm, "").trim();
  return down === "" ? [] : [`${FOLDER}/${name} goes back; migrations are forward only`];
}
