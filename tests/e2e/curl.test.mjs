// No client library at all: what a person does with curl.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { apiKey, apiUrl, sandboxUrl } from "./support.mjs";

const run = promisify(execFile);

/** Status, headers in small letters, and body. */
async function curl(...words) {
  const { stdout } = await run("curl", ["-sS", "-i", "--max-time", "30", "--noproxy", "*", ...words]);
  const at = stdout.indexOf("\r\n\r\n");
  const [first, ...lines] = stdout.slice(0, at).split("\r\n");
  const headers = Object.fromEntries(
    lines.map((line) => [line.split(":")[0].toLowerCase(), line.slice(line.indexOf(":") + 2)]),
  );
  return { status: Number(first.split(" ")[1]), headers, text: stdout.slice(at + 4) };
}
const json = (body) => ["-H", "Content-Type: application/json", "-d", JSON.stringify(body)];
const key = ["-H", `X-API-Key: ${apiKey}`];

test("a sandbox is made, used and ended with curl alone", async () => {
  const made = await curl(...key, ...json({ templateID: "base", timeout: 60 }), `${apiUrl}/v2/sandboxes`);
  assert.equal(made.status, 201, made.text);
  assert.match(made.headers["content-type"], /^application\/json/);
  const { sandboxID, envdAccessToken } = JSON.parse(made.text);
  const inside = [
    ...["-H", `E2b-Sandbox-Id: ${sandboxID}`, "-H", "E2b-Sandbox-Port: 49983"],
    ...["-H", `X-Access-Token: ${envdAccessToken}`],
  ];
  assert.equal((await curl(...inside, `${sandboxUrl}/health`)).status, 204);
  const wrote = await curl(
    ...inside,
    "-F",
    "file=hello;filename=a.txt",
    `${sandboxUrl}/files?path=/home/user/a.txt&username=user`,
  );
  assert.equal(wrote.status, 200, wrote.text);
  assert.equal((await curl(...inside, `${sandboxUrl}/files?path=/home/user/a.txt`)).text, "hello");
  const stat = await curl(...inside, ...json({ path: "/home/user/a.txt" }), `${sandboxUrl}/filesystem.Filesystem/Stat`);
  assert.equal(JSON.parse(stat.text).entry.size, "5");
  const missing = await curl(...inside, ...json({ path: "/nope" }), `${sandboxUrl}/filesystem.Filesystem/Stat`);
  assert.deepEqual([missing.status, JSON.parse(missing.text).code], [404, "not_found"]);
  const browser = ["-A", "Mozilla/5.0", "-H", "Accept: text/html", "-H", "Sec-Fetch-Mode: navigate"];
  const page = await curl(...inside.slice(0, 2), "-H", "E2b-Sandbox-Port: 9", ...browser, sandboxUrl);
  assert.deepEqual([page.status, /^text\/html/.test(page.headers["content-type"])], [502, true]);
  const byName = await curl("-H", `Host: 49983-${sandboxID}.sandlot.test`, `${sandboxUrl}/health`);
  assert.equal(byName.status, 204);
  assert.equal((await curl(...key, "-X", "DELETE", `${apiUrl}/sandboxes/${sandboxID}`)).status, 204);
  const gone = await curl(...inside, `${sandboxUrl}/health`);
  assert.deepEqual([gone.status, JSON.parse(gone.text).message], [502, "The sandbox was not found"]);
});

test("browsers on any site may ask, and see the headers that pages need", async () => {
  const origin = ["-H", "Origin: https://example.com"];
  const wish = ["-H", "Access-Control-Request-Method: POST", "-H", "Access-Control-Request-Headers: x-api-key,lang"];
  const preflight = await curl("-X", "OPTIONS", ...origin, ...wish, `${apiUrl}/v2/sandboxes`);
  assert.ok([200, 204].includes(preflight.status));
  assert.equal(preflight.headers["access-control-allow-origin"], "*");
  assert.match(preflight.headers["access-control-allow-headers"], /x-api-key/i);
  for (const words of [key, []]) {
    const { headers } = await curl(...origin, ...words, `${apiUrl}/v2/sandboxes`);
    assert.equal(headers["access-control-allow-origin"], "*");
    for (const name of ["X-Next-Token", "X-Total-Running", "Retry-After", "RateLimit-Remaining"]) {
      assert.match(headers["access-control-expose-headers"], new RegExp(name, "i"));
    }
  }
});

test("clients long gone are told to update, and nothing else gets anything but JSON", async () => {
  for (const path of ["/instances", "/instances/x/refreshes", "/envs", "/envs/x/builds"]) {
    const answer = await curl(...key, "-X", "POST", `${apiUrl}${path}`);
    assert.deepEqual([answer.status, /update your SDK/.test(JSON.parse(answer.text).message)], [400, true]);
  }
  const upload = await curl(...key, "-F", "a=b", `${apiUrl}/templates`);
  assert.match(JSON.parse(upload.text).message, /update your CLI/);
  for (const path of ["/", "/nope", "/sandboxes/..%2f..%2fetc", "/v2/sandboxes/"]) {
    const answer = await curl(...key, "--path-as-is", `${apiUrl}${path}`);
    assert.equal(JSON.parse(answer.text).code, answer.status, path);
  }
});
