// The host's own list of trusted certificates, with the installation's authority in it and without.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, it } from "node:test";
import { promisify } from "node:util";
import { sandlot } from "../e2e/installation.mjs";

const run = promisify(execFile);
const { domain, ports } = JSON.parse(readFileSync(join(process.env.SANDLOT_DATA_DIR, "stack.json"), "utf8"));
const host = `api.${domain}`;
const ask = () =>
  run("curl", [
    "-sS",
    "--noproxy",
    "*",
    "--resolve",
    `${host}:${ports.tls}:127.0.0.1`,
    `https://${host}:${ports.tls}/health`,
  ]);

after(() => sandlot("trust", "--remove"));

it("is trusted by this machine's programs after trust, and not before or after", async () => {
  await assert.rejects(ask(), /certificate/);
  const said = await sandlot("trust");
  assert.match(said, /added/);
  assert.match((await ask()).stdout, /successful/);
  assert.match(await sandlot("trust"), /there already/);
  await sandlot("trust", "--remove");
  await assert.rejects(ask(), /certificate/);
});
