// D3, by the API: base images that a build must not get, because of where they lie or whose they are. What images themselves may do
// is tried in packages/oci-images/test/attacks.int.test.ts.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, test } from "node:test";
import { services } from "../e2e/installation.mjs";
import { api, until } from "../e2e/support.mjs";

const name = `d3-${randomBytes(4).toString("hex")}`;
const other = { "X-API-Key": process.env.SANDLOT_OTHER_API_KEY };
after(() => api("DELETE", `/templates/${name}`));

async function buildFrom(fromImage, more = {}) {
  const { json } = await api("POST", "/v3/templates", { body: { name, cpuCount: 1, memoryMB: 256 } });
  const path = `/templates/${json.templateID}/builds/${json.buildID}`;
  const started = await api("POST", `/v2${path}`, { body: { fromImage, steps: [], ...more } });
  assert.equal(started.status, 202, started.text);
  const state = async () => (await api("GET", `${path}/status`)).json;
  return await until(async () => ["ready", "error"].includes((await state()).status) && (await state()), {
    withinMs: 60_000,
    everyMs: 200,
    what: "the build's end",
  });
}

const ports = Object.fromEntries((await services()).map((service) => [service.name, service.port]));
const PLACES = [
  ...[
    "10.0.0.1/a/b:1",
    "169.254.169.254/latest/meta-data:1",
    "192.168.1.1:5000/x",
    "100.100.100.200/x",
    "[::1]:5000/x",
  ],
  ...[`127.0.0.1:${ports.registry}/e2b/custom-envs/x:1`, `localhost:${ports.api}/x`, `127.0.0.1:${ports.postgres}/x`],
];
for (const image of PLACES) {
  test(`D3 no image from ${image.replace(/\d{5}/, "…")}`, async () => {
    const { status, reason } = await buildFrom(image);
    assert.equal(status, "error");
    assert.equal(reason.step, "base");
    assert.match(reason.message, /an address that images are not fetched from/);
  });
}

test("D3 no password is sent to such a place", async () => {
  const fromImageRegistry = { type: "registry", username: "u", password: "secret" };
  const { reason } = await buildFrom("10.0.0.1/a:1", { fromImageRegistry });
  assert.match(reason.message, /an address that images are not fetched from/);
  assert.doesNotMatch(JSON.stringify(reason), /secret/);
});

test("D3 what another team pushed is no base image for a recipe", async () => {
  const body = { dockerfile: "FROM x", cpuCount: 1, memoryMB: 256 };
  const theirs = (await api("POST", "/v3/templates", { body: { name: `${name}-theirs`, ...body }, headers: other }))
    .json;
  for (const host of ["pushed.sandlot.internal", "PUSHED.sandlot.internal"]) {
    const { reason, status } = await buildFrom(`${host}/e2b/custom-envs/${theirs.templateID}:${theirs.buildID}`);
    assert.equal(status, "error");
    assert.doesNotMatch(reason.message, /not found in its registry|Fetched/);
  }
  await api("DELETE", `/templates/${theirs.templateID}`, { headers: other });
});
