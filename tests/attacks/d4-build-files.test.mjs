// D4: the door for build contexts. Another team's files, another hash's link, archives that reach out, bombs, cut uploads.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { request } from "node:http";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import { api, create, until } from "../e2e/support.mjs";

const mark = randomBytes(4).toString("hex");
const name = `d4-${mark}`;
const hashOf = (text) => Buffer.from(text.padEnd(32, ".")).toString("hex");
after(() => api("DELETE", `/templates/${name}`));

/** A tar out of entries {name, type?, data?, link?}, as no client would write it. */
function tarOf(entries) {
  const blocks = entries.flatMap(({ name: path, type = "0", data = "", link = "" }) => {
    const header = Buffer.alloc(512);
    header.write(path, 0, 100);
    header.write("0000644\0", 100);
    header.write(`${Buffer.byteLength(data).toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write("ustar\x0000", 257, "latin1");
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(data) / 512) * 512);
    body.write(data);
    return [header, body];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

async function register() {
  const answer = await api("POST", "/v3/templates", { body: { name, cpuCount: 1, memoryMB: 256 } });
  assert.equal(answer.status, 202, answer.text);
  return answer.json;
}
const link = async (template, hash) => (await api("GET", `/templates/${template.templateID}/files/${hash}`)).json;
const put = (url, body) => fetch(url, { method: "PUT", body });

/** Builds COPY of that hash and says how it ended. */
async function copyBuild(hash, after = []) {
  const template = await register();
  const steps = [{ type: "COPY", args: [".", "/srv/"], filesHash: hash }, ...after];
  const path = `/templates/${template.templateID}/builds/${template.buildID}`;
  const started = await api("POST", `/v2${path}`, { body: { fromTemplate: "base", steps } });
  assert.equal(started.status, 202, started.text);
  return await until(
    async () => {
      const { json } = await api("GET", `${path}/status`);
      return json.status === "building" ? undefined : json;
    },
    { withinMs: 60_000, everyMs: 200, what: "the build's end" },
  );
}

const HOSTILE = [
  ["names that lead out", [{ name: "../../../etc/cron.d/x", data: "x" }]],
  ["absolute names", [{ name: "/etc/passwd", data: "x" }]],
  ["hard links out", [{ name: "h", type: "1", link: "/etc/shadow" }]],
  [
    "writing through its own link",
    [
      { name: "l", type: "2", link: "/etc" },
      { name: "l/x", data: "x" },
    ],
  ],
  ["a device", [{ name: "sda", type: "4" }]],
];
for (const [what, entries] of HOSTILE) {
  test(`D4 an upload with ${what} is refused and kept nowhere`, async () => {
    const template = await register();
    const hash = hashOf(`hostile ${what}${mark}`.slice(0, 32));
    const { url } = await link(template, hash);
    for (const body of [tarOf(entries), gzipSync(tarOf(entries))]) {
      const answer = await put(url, body);
      assert.equal(answer.status, 400);
      assert.match((await answer.json()).message, /uploaded files are refused/);
    }
    assert.equal((await link(template, hash)).present, false);
  });
}

test("D4 bombs, cut uploads and garbage are refused, and the service stays as it was", async () => {
  const template = await register();
  const hash = hashOf(`bomb${mark}`);
  const { url } = await link(template, hash);
  const zeros = Buffer.alloc(1 << 20);
  const header = tarOf([{ name: "zeros" }]).subarray(0, 512);
  // Says that it unpacks to a hundred gigabytes, in GNU's way for large sizes.
  header.fill(0, 124, 136);
  header[124] = 0x80;
  header.writeBigUInt64BE(100n << 30n, 128);
  header.write("        ", 148);
  header.write(
    `${header
      .reduce((total, byte) => total + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  );
  const bomb = gzipSync(Buffer.concat([header, ...Array.from({ length: 8 }, () => zeros)]));
  const whole = gzipSync(tarOf([{ name: "a", data: randomBytes(3000).toString("hex") }]));
  for (const body of [bomb, whole.subarray(0, whole.length - 10), randomBytes(5000), Buffer.alloc(0)])
    assert.equal((await put(url, body)).status, 400);
  // Announces more than it sends, then hangs up.
  await new Promise((resolve) => {
    const sent = request(url, { method: "PUT", headers: { "Content-Length": whole.length + 1000 } });
    sent.on("error", resolve);
    sent.on("close", resolve);
    sent.write(whole);
    setTimeout(() => sent.destroy(), 300);
  });
  assert.equal((await link(template, hash)).present, false);
  assert.equal((await put(url, whole)).status, 200);
  assert.equal((await link(template, hash)).present, true);
});

test("D4 a link opens its own team's own hash and nothing else", async () => {
  const template = await register();
  const { url } = await link(template, hashOf(`mine${mark}`));
  const body = gzipSync(tarOf([{ name: "a", data: "x" }]));
  const at = new URL(url);
  const [, , , team, hash] = at.pathname.split("/");
  const forge = (change) => {
    const forged = new URL(url);
    change(forged);
    return forged.toString();
  };
  const forged = [
    forge((to) => {
      to.pathname = to.pathname.replace(hash, hashOf(`other${mark}`));
    }),
    forge((to) => {
      to.pathname = to.pathname.replace(team, "00000000-0000-4000-8000-000000000000");
    }),
    forge((to) => {
      to.pathname = to.pathname.replace(team, `${team}%2f..%2f${team}`);
    }),
    forge((to) => to.searchParams.set("expires", "99999999999")),
    forge((to) => to.searchParams.delete("token")),
    forge((to) => to.searchParams.set("token", "0".repeat(64))),
  ];
  for (const one of forged) assert.notEqual((await put(one, body)).status, 200, one);
  assert.notEqual((await fetch(url, { method: "GET" })).status, 200, "what was uploaded cannot be read back");
  for (const hash of ["../../secrets", "A".repeat(64), "0".repeat(63), "%2e%2e"])
    assert.equal((await api("GET", `/templates/${template.templateID}/files/${encodeURIComponent(hash)}`)).status, 400);
});

test("D4 a step whose files were never uploaded fails by name; poison stays in its own hash", async () => {
  const missing = await copyBuild(hashOf(`never${mark}`));
  assert.equal(missing.status, "error");
  assert.match(missing.reason.message, /have not been uploaded/);
  assert.equal(missing.reason.step, "1");
  // Links of the archive may lead anywhere: they are made inside the sandbox, and lead nowhere on the host.
  const hash = hashOf(`links${mark}`);
  const template = await register();
  const { url } = await link(template, hash);
  const links = [
    { name: "out", type: "2", link: "/etc/hostname" },
    { name: "up", type: "2", link: "../../../../../../etc/hostname" },
    { name: "plain", data: "plain\n" },
  ];
  assert.equal((await put(url, tarOf(links))).status, 200);
  const built = await copyBuild(hash, [{ type: "RUN", args: ["readlink /srv/out /srv/up; cat /srv/plain"] }]);
  assert.equal(built.status, "ready", built.reason?.message);
  const sandbox = await create({ template: name });
  assert.equal(
    (await sandbox.commands.run("cat /srv/out")).stdout,
    (await sandbox.commands.run("cat /etc/hostname")).stdout,
  );
  await sandbox.kill();
});
