/** The published client, oldest and newest, under real Node, configured as a user would. */
import { afterAll, beforeAll, expect, it } from "bun:test";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { type Installation, KEY, startInstallation } from "./installation";

let at: Installation;
beforeAll(async () => {
  at = await startInstallation();
});
afterAll(() => at[Symbol.asyncDispose]());

for (const client of ["e2b-oldest", "e2b"]) {
  it(`${client} creates, looks, lists, extends and kills`, async () => {
    const env = { PATH: process.env.PATH, E2B_API_URL: at.api.url, E2B_API_KEY: KEY, E2B_DOMAIN: "sandlot.test" };
    const program = join(import.meta.dir, "stock-client.mjs");
    const child = spawn("node", [program, client], { env, cwd: import.meta.dir, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    child.stdout.on("data", (chunk) => (said += chunk));
    child.stderr.on("data", (chunk) => (said += chunk));
    const status = await new Promise((resolve) => child.once("close", resolve));
    expect([status, said]).toEqual([0, "all as expected\n"]);
    expect(at.node.running.size).toBe(0);
  }, 60_000);
}
