// F13: hundreds of sandboxes come and go; services and host hold afterwards what they held before. SANDLOT_SOAK=1 makes
// 10,000 of them. In an installation of the test's own, which ends without residue.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { pause, until } from "../e2e/support.mjs";
import { startOwnInstallation } from "./own-installation.mjs";

const rounds = process.env.SANDLOT_SOAK === "1" ? 10_000 : 300;
const atOnce = 4;
let own;
before(async () => {
  own = await startOwnInstallation({ flags: ["--warm", "4"] });
});
after(async () => {
  if (own !== undefined) await own.end(); // a second time, after a failure above
});

async function weigh() {
  const rows = {};
  for (const { name, pid } of await own.services()) {
    const text = await readFile(`/proc/${pid}/status`, "utf8");
    const descriptors = await readdir(`/proc/${pid}/fd`);
    rows[name] = { rssMiB: Math.round(Number(/VmRSS:\s+(\d+)/.exec(text)[1]) / 1024), descriptors: descriptors.length };
  }
  return rows;
}

test(`F13 ${rounds} sandboxes come and go: memory, descriptors and the host's objects stay flat`, {
  timeout: rounds * 1_500,
}, async () => {
  const table = [];
  const settle = async () => {
    await until(() => own.held().machines === 4, { withinMs: 60_000, everyMs: 200, what: "a full warm pool" });
    await pause(1_500);
    const row = { ...own.held(), services: await weigh() };
    table.push(row);
    return row;
  };
  let left = 60;
  const startedMs = Date.now();
  const worker = async () => {
    for (left -= 1; left >= 0; left -= 1) await (await own.create()).kill();
  };
  const work = async (count) => {
    left = count;
    await Promise.all(Array.from({ length: atOnce }, worker));
  };
  await work(60);
  const first = await settle();
  await work(rounds - 60);
  const last = await settle();
  console.log(`# ${rounds} sandboxes in ${((Date.now() - startedMs) / 1000).toFixed(1)} s; after 60 and after all:`);
  for (const { services, ...held } of table) {
    console.log(`#   ${JSON.stringify(held)}`);
    for (const [name, { rssMiB, descriptors }] of Object.entries(services)) {
      console.log(
        `#     ${name.padEnd(14)} ${String(rssMiB).padStart(5)} MiB ${String(descriptors).padStart(5)} descriptors`,
      );
    }
  }
  for (const name of Object.keys(last.services)) {
    const [was, is] = [first.services[name], last.services[name]];
    assert.ok(is.descriptors - was.descriptors <= 20, `${name}: ${was.descriptors} -> ${is.descriptors} descriptors`);
    assert.ok(is.rssMiB - was.rssMiB <= 80, `${name}: ${was.rssMiB} -> ${is.rssMiB} MiB`);
  }
  for (const kind of ["machines", "ids", "loops", "namespaces", "links"]) {
    assert.ok(Math.abs(last[kind] - first[kind]) <= 8, `${kind}: ${first[kind]} -> ${last[kind]}`);
  }
});

test("F13 taken down, the installation leaves nothing", async () => {
  assert.deepEqual(await own.end(), []);
  own = undefined;
});
