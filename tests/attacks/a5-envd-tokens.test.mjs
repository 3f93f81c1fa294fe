// A5: envd answers only to its own sandbox's token, and a token dies with its sandbox.
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, toPort } from "../e2e/support.mjs";

const call = (sandboxId, token, path = "/process.Process/List") =>
  toPort(sandboxId, 49983, path, {
    method: "POST",
    body: "{}",
    headers: {
      "Content-Type": "application/json",
      "Connect-Protocol-Version": "1",
      ...(token === undefined ? {} : { "X-Access-Token": token }),
    },
  });

test("A5 no token, a neighbour's, a cut one and an old one are refused", async () => {
  const [one, two] = await Promise.all([create(), create()]);
  assert.equal((await call(one.sandboxId, one.envdAccessToken)).status, 200);
  for (const token of [
    undefined,
    "",
    two.envdAccessToken,
    one.envdAccessToken.slice(0, -1),
    one.envdAccessToken.toUpperCase(),
  ]) {
    for (const path of ["/process.Process/List", "/filesystem.Filesystem/ListDir", "/files/compose"]) {
      const answer = await call(one.sandboxId, token, path);
      assert.equal(answer.status, 401, `${path} with ${token}`);
    }
  }
  const envs = await toPort(one.sandboxId, 49983, "/envs");
  assert.equal(envs.status, 401);
  await one.kill();
  assert.equal((await call(one.sandboxId, one.envdAccessToken)).status, 502);
  assert.equal((await call(two.sandboxId, one.envdAccessToken)).status, 401);
});

test("A10 the API key never reaches the guest", async () => {
  const sandbox = await create();
  const server = `const http=require("http");http.createServer((q,s)=>s.end(JSON.stringify(q.headers))).listen(9000)`;
  await sandbox.commands.run(`node -e '${server}'`, { background: true });
  let seen = "";
  for (let n = 0; n < 50 && !seen.includes("host"); n += 1) seen = await (await toPort(sandbox.sandboxId, 9000)).text();
  assert.ok(!seen.includes(process.env.E2B_API_KEY));
  const inside = await sandbox.commands.run('sudo sh -c \'env; cat /proc/*/environ 2>/dev/null | tr "\\0" "\\n"\'');
  assert.ok(!inside.stdout.includes(process.env.E2B_API_KEY));
});
