// What the tests know of the installation they run against: SANDLOT_DATA_DIR names it.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = new URL("../..", import.meta.url).pathname;

export async function sandlot(...words) {
  const { stdout } = await run(`${root}sandlot`, [...words, "--data", process.env.SANDLOT_DATA_DIR], {
    timeout: 60_000,
  });
  return stdout;
}

/** The installation's processes: [{name, pid}]. */
export async function services() {
  return JSON.parse(await sandlot("status", "--json")).services;
}

export async function pidOf(name) {
  return (await services()).find((service) => service.name === name)?.pid;
}
