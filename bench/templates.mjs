// Template builds: rebuilding with one changed last step, twenty trivial steps, a context of 100 MB.
//   node bench/templates.mjs   (with the variables of `sandlot env`)
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Template } from "e2b";
import { report, timed } from "./support.mjs";

const name = `bench-${randomBytes(3).toString("hex")}`;
const options = { cpuCount: 2, memoryMB: 512 };
const context = mkdtempSync(join(tmpdir(), "sandlot-bench-context-"));
const from = () => Template({ fileContextPath: context }).fromBaseImage();
const build = async (recipe, more = {}) =>
  (await timed(() => Template.build(recipe, name, { ...options, ...more }))).ms;
const unique = () => randomBytes(6).toString("hex");

try {
  await build(from().runCmd("true"));
  const stem = unique();
  const changed = () => from().runCmd(`echo ${stem}`).runCmd(`echo ${stem} 2`).runCmd(`echo ${unique()}`);
  await build(changed());
  const rebuilds = [];
  for (let i = 0; i < 5; i += 1) rebuilds.push(await build(changed()));
  const median = rebuilds.sort((a, b) => a - b)[2];
  report({ name: "rebuild with one changed last step", value: median, unit: "ms", atMost: 3000, note: "n=5" });

  let twenty = from();
  for (let i = 0; i < 20; i += 1) twenty = twenty.runCmd(`echo ${unique()} > /tmp/${i}`);
  report({ name: "20 trivial steps, uncached", value: await build(twenty), unit: "ms", atMost: 10_000 });

  writeFileSync(join(context, "blob"), randomBytes(100 * 1024 * 1024));
  const copied = await timed(() => build(from().copy("blob", "/opt/blob")));
  report({ name: "build with a COPY of 100 MB, upload included", value: copied.ms, unit: "ms" });
  const tar = Buffer.concat([header("blob", 100 * 1024 * 1024), randomBytes(100 * 1024 * 1024), Buffer.alloc(1024)]);
  const upload = await timed(() => put(tar));
  report({ name: "upload of a 100 MB context", value: 100 / (upload.ms / 1000), unit: "MB/s", atLeast: 100 });
} finally {
  await call("DELETE", `/templates/${name}`);
  rmSync(context, { recursive: true, force: true });
}

function call(method, path) {
  return fetch(`${process.env.E2B_API_URL}${path}`, { method, headers: { "X-API-Key": process.env.E2B_API_KEY } });
}

async function put(body) {
  const list = await (await call("GET", "/templates")).json();
  const { templateID } = list.find(({ names }) => names.some((one) => one.endsWith(`/${name}`)));
  const link = await (await call("GET", `/templates/${templateID}/files/${randomBytes(32).toString("hex")}`)).json();
  const answer = await fetch(link.url, { method: "PUT", body });
  if (answer.status !== 200) throw new Error(`the upload answered ${answer.status}`);
}

function header(path, sizeBytes) {
  const block = Buffer.alloc(512);
  block.write(path, 0);
  block.write("0000644\0", 100);
  block.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124);
  block.write("        ", 148);
  block.write("0", 156);
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
