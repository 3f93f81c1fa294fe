// v1 templates: an image pushed with an independent client (skopeo), built from, and run. The image is made here, of base's own tree.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { status } from "./installation.mjs";
import { api, create, until } from "./support.mjs";

const run = promisify(execFile);
/** Big things that no step here needs. */
const LEFT_OUT = [
  "dev/*",
  "proc/*",
  "usr/local",
  "usr/share",
  "usr/lib/git-core",
  "usr/lib/python3*",
  "*/libnode.so*",
  "*/libicu*",
];
const made = [];
let dir;
let port;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sandlot-push-"));
  port = (await status()).services.find(({ name }) => name === "docker-reverse-proxy").port;
  await makeImage();
});
after(async () => {
  for (const id of made) await api("DELETE", `/templates/${id}`);
  await rm(dir, { recursive: true, force: true });
});

/** One layer, a variable, and a file that nobody else has. */
async function makeImage() {
  const tree = join(dir, "tree");
  const tar = join(dir, "layer.tar");
  await mkdir(tree);
  await run("mount", ["-t", "erofs", "-o", "loop,ro", process.env.SANDLOT_TEST_BASE_EROFS, tree]);
  try {
    await run("tar", [
      "-C",
      tree,
      "-cf",
      tar,
      "--xattrs",
      ...LEFT_OUT.map((path) => `--exclude=./${path}`),
      "--transform=s,^\\./,,",
      ".",
    ]);
  } finally {
    await run("umount", [tree]);
  }
  await mkdir(join(dir, "own"));
  await writeFile(join(dir, "own/pushed.txt"), "from the image\n");
  await run("tar", ["-C", join(dir, "own"), "--append", "-f", tar, "pushed.txt"]);
  const blobs = join(dir, "image/blobs/sha256");
  await mkdir(blobs, { recursive: true });
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(tar)) hash.update(chunk);
  const hex = hash.digest("hex");
  const layer = {
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: `sha256:${hex}`,
    size: (await stat(tar)).size,
  };
  await rename(tar, join(blobs, hex));
  const put = async (value, mediaType) => {
    const bytes = Buffer.from(JSON.stringify(value));
    const name = createHash("sha256").update(bytes).digest("hex");
    await writeFile(join(blobs, name), bytes);
    return { mediaType, digest: `sha256:${name}`, size: bytes.length };
  };
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const config = {
    architecture,
    os: "linux",
    config: { Env: ["FROM_IMAGE=yes"] },
    rootfs: { type: "layers", diff_ids: [layer.digest] },
  };
  const described = await put(config, "application/vnd.oci.image.config.v1+json");
  const type = "application/vnd.oci.image.manifest.v1+json";
  const manifest = await put({ schemaVersion: 2, mediaType: type, config: described, layers: [layer] }, type);
  await writeFile(join(dir, "image/index.json"), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
  await writeFile(join(dir, "image/oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
}

async function push(templateId, buildId, password = process.env.E2B_ACCESS_TOKEN, user = "_e2b_access_token") {
  const to = `docker://127.0.0.1:${port}/e2b/custom-envs/${templateId}:${buildId}`;
  const flags = ["--dest-tls-verify=false", `--dest-creds=${user}:${password}`];
  await run("skopeo", ["--insecure-policy", "copy", ...flags, `oci:${join(dir, "image")}`, to], {
    env: { ...process.env, HOME: dir },
  });
}

test("builds a template from a pushed image, with its files and variables", { timeout: 240_000 }, async () => {
  const headers = { Authorization: `Bearer ${process.env.E2B_ACCESS_TOKEN}` };
  const startCmd = "echo $FROM_IMAGE > /tmp/variable";
  const body = {
    dockerfile: "FROM local",
    alias: `pushed-${Date.now().toString(36)}`,
    cpuCount: 1,
    memoryMB: 256,
    startCmd,
  };
  const asked = await api("POST", "/templates", { body, headers });
  assert.equal(asked.status, 202, asked.text);
  const { templateID, buildID } = asked.json;
  made.push(templateID);
  await assert.rejects(push(templateID, buildID, process.env.SANDLOT_OTHER_API_KEY, "_e2b_api_key"), /403|denied/i);
  await push(templateID, buildID);
  const started = await api("POST", `/templates/${templateID}/builds/${buildID}`, { headers });
  assert.equal(started.status, 202, started.text);
  const state = async () =>
    (await api("GET", `/templates/${templateID}/builds/${buildID}/status?limit=100`, { headers })).json;
  const done = await until(async () => ["ready", "error"].includes((await state()).status) && (await state()), {
    withinMs: 200_000,
    everyMs: 500,
    what: "the build",
  });
  assert.equal(done.status, "ready", JSON.stringify(done));
  const sandbox = await create({ template: templateID });
  const said = await sandbox.commands.run("cat /pushed.txt /tmp/variable; id -un; sudo id -un");
  assert.equal(said.stdout, "from the image\nyes\nuser\nroot\n");
});
