// What the tests know of the installation they run against: SANDLOT_DATA_DIR names it.
import assert from "node:assert/strict";
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

/** What `status` says, also of an installation of which something is down. */
export async function status() {
  const stdout = await sandlot("status", "--json").catch((error) => {
    if (error.code === 1 && error.stdout) return error.stdout;
    throw error;
  });
  return JSON.parse(stdout);
}

/** The installation's processes: [{name, pid, state}]. */
export async function services() {
  return (await status()).services;
}

/** Its process, if it runs. */
export async function pidOf(name) {
  return (await services()).find((service) => service.name === name)?.pid;
}

/** Kills a process outright and waits until the supervisor has brought it back and it answers. */
export async function killAndAwait(name) {
  const old = await pidOf(name);
  assert.ok(old > 1, `${name} runs`);
  process.kill(old, "SIGKILL");
  return await untilBack(name, old);
}

/** Waits until `name` runs as another process than `old`. */
export async function untilBack(name, old) {
  for (let tries = 0; tries < 450; tries += 1) {
    const now = (await services()).find((service) => service.name === name);
    if (now?.state === "running" && now.pid !== old) return now.pid;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  assert.fail(`${name} did not come back`);
}
