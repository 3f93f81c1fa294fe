// Pause, resume, fork and templates with running programs, with the stock client. Needs the variables of `sandlot env`, root, and
// SANDLOT_DATA_DIR (it looks at processes and files of the installation).
//   node bench/lifecycle.mjs [--rounds 20] [--server-mb 200] [--parts pause,fork,auto,template]
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { dropFrozen, initOf, memoryOf, pidsOf } from "@sandlot/tests/machines";
import { Sandbox } from "e2b";
import { quantile, report, reportTimes, timed } from "./support.mjs";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    "server-mb": { type: "string", default: "200" },
    parts: { type: "string", default: "pause,fork,auto,template" },
  },
});
const rounds = Number(values.rounds);
const made = new Set();
const removals = [];
let marks = 0;

const keep = (sandbox) => {
  made.add(sandbox);
  return sandbox;
};
const create = async (template = "base", options = {}) =>
  keep(await Sandbox.create(template, { timeoutMs: 900_000, ...options }));
const end = async (sandbox) => {
  made.delete(sandbox);
  await sandbox.kill();
};

/** A process whose arguments are found on the host. */
async function mark(sandbox) {
  const words = `sleep 8${String(process.pid).padStart(7, "0")}${++marks}`;
  await sandbox.commands.run(words, { background: true, timeoutMs: 0 });
  return words;
}

const buildsDir = join(process.env.SANDLOT_DATA_DIR ?? "", "artifacts/builds");
const listBuilds = () => new Set(readdirSync(buildsDir));
function sizesOf(buildId) {
  const dir = join(buildsDir, buildId, "memory");
  const sizes = readdirSync(dir).map((name) => statSync(join(dir, name)));
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0) / 1e6;
}

/** Time of one request to a port of a sandbox, and its answer. */
const ask = (sandbox, port) =>
  timed(async () => {
    const headers = { "E2b-Sandbox-Id": sandbox.sandboxId, "E2b-Sandbox-Port": String(port) };
    const answer = await fetch(process.env.E2B_SANDBOX_URL, { headers });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
    return text;
  });

async function startServer(sandbox, port, mb) {
  const program = `const kept = Buffer.alloc(${mb} * 1e6); for (let at = 0; at < kept.length; at += 4096) kept.writeDoubleLE(Math.random(), at);
let asked = 0; require("http").createServer((_, answer) => answer.end(String(++asked))).listen(${port}, "0.0.0.0")`;
  await sandbox.files.write("/home/user/server.js", program);
  await sandbox.commands.run("node /home/user/server.js", { background: true, timeoutMs: 0 });
  for (;;) {
    const answer = await ask(sandbox, port).catch(() => undefined);
    if (answer !== undefined) return;
    await sleep(50);
  }
}

async function pauseAndResume() {
  const pauses = [];
  const fromMemory = [];
  const fromDisk = [];
  const firstCommands = [];
  const before = listBuilds();
  const sandbox = await create();
  const words = await mark(sandbox);
  for (let n = 0; n < rounds; n += 1) {
    pauses.push((await timed(() => sandbox.pause())).ms);
    fromMemory.push((await timed(() => sandbox.connect())).ms);
  }
  for (let n = 0; n < rounds; n += 1) {
    await sandbox.pause();
    if (!(await dropFrozen(words))) throw new Error("the paused sandbox left no frozen machine");
    fromDisk.push((await timed(() => sandbox.connect())).ms);
    firstCommands.push((await timed(() => sandbox.commands.run("echo hi"))).ms);
    if (pidsOf(words).length !== 1) throw new Error("the process did not come back");
  }
  reportTimes({ name: "pause of an idle base sandbox", times: pauses, p50: 500 });
  reportTimes({ name: "resume on its node, from memory", times: fromMemory, p50: 50 });
  reportTimes({ name: "resume on its node, from disk", times: fromDisk, p50: 250 });
  reportTimes({ name: "first command after a resume from disk", times: firstCommands });
  await sandbox.pause();
  const fresh = [...listBuilds()].filter((id) => !before.has(id));
  const sizes = fresh.map((id) => sizesOf(id));
  report({ name: "memory of a paused idle base sandbox, on disk", value: quantile(sizes, 0.5), unit: "MB" });
  await end(sandbox);
}

async function forkTen() {
  const parent = await create();
  const words = await mark(parent);
  const walls = [];
  for (let n = 0; n < Math.max(3, Math.floor(rounds / 4)); n += 1) {
    const forked = await timed(() => parent.fork({ count: 10, timeoutMs: 600_000 }));
    const children = forked.value.filter((child) => !(child instanceof Error)).map(keep);
    if (children.length !== 10)
      throw new Error(`only ${children.length} of 10 forks: ${forked.value.find((one) => one instanceof Error)}`);
    walls.push(forked.ms);
    const said = await Promise.all(children.map((child) => child.commands.run("hostname")));
    if (new Set(said.map(({ stdout }) => stdout)).size !== 10) throw new Error("forks share a host name");
    if (n === 0) {
      const machines = pidsOf(words).map((pid) => memoryOf(initOf(pid)));
      const pss = quantile(
        machines.map((one) => one.pss),
        0.5,
      );
      const rss = quantile(
        machines.map((one) => one.rss),
        0.5,
      );
      report({
        name: "a fork of base: memory of its own and its share (PSS)",
        value: pss,
        unit: "MB",
        note: `of ${rss.toFixed(0)} MB resident`,
      });
      report({ name: "memory shared between eleven clones", value: (1 - pss / rss) * 100, unit: "%" });
    }
    await Promise.all(children.map(end));
  }
  reportTimes({ name: "fork of 10, all of them", times: walls, p50: 1_500 });
  await end(parent);
}

async function autoResume() {
  const sandbox = await create("base", { lifecycle: { onTimeout: "pause", autoResume: true } });
  const words = await mark(sandbox);
  await startServer(sandbox, 8000, 1);
  const awake = [];
  const fromMemory = [];
  const fromDisk = [];
  for (let n = 0; n < rounds; n += 1) awake.push((await ask(sandbox, 8000)).ms);
  for (let n = 0; n < rounds; n += 1) {
    await sandbox.pause();
    fromMemory.push((await ask(sandbox, 8000)).ms);
    await sandbox.pause();
    await dropFrozen(words);
    fromDisk.push((await ask(sandbox, 8000)).ms);
  }
  const added = quantile(fromMemory, 0.5) - quantile(awake, 0.5);
  report({
    name: "auto-resume adds to the first request, p50",
    value: added,
    unit: "ms",
    atMost: 300,
    note: `n=${rounds}`,
  });
  const disk = quantile(fromDisk, 0.5) - quantile(awake, 0.5);
  report({ name: "auto-resume from disk adds, p50", value: disk, unit: "ms", atMost: 300, note: `n=${rounds}` });
  await end(sandbox);
}

async function warmTemplate() {
  const mb = Number(values["server-mb"]);
  const sandbox = await create();
  await startServer(sandbox, 8000, mb);
  const before = listBuilds();
  const snapshot = await timed(() => sandbox.createSnapshot());
  removals.push(() => Sandbox.deleteSnapshot(snapshot.value.snapshotId));
  report({ name: `snapshot of a ${mb} MB Node server, running on`, value: snapshot.ms, unit: "ms" });
  const [buildId] = [...listBuilds()].filter((id) => !before.has(id));
  report({ name: `memory of that snapshot, on disk`, value: sizesOf(buildId), unit: "MB" });
  await end(sandbox);
  const creates = [];
  const answers = [];
  for (let n = 0; n < rounds + 2; n += 1) {
    const clone = await timed(() => create(snapshot.value.snapshotId));
    answers.push((await ask(clone.value, 8000)).ms);
    creates.push(clone.ms);
    await end(clone.value);
    // Only a build that is asked for on several occasions is kept ready, and then the next one is made.
    await sleep(n < 2 ? 4_000 : 1_500);
  }
  reportTimes({ name: `create from a template with a ${mb} MB server, warm`, times: creates.slice(2), p50: 150 });
  reportTimes({ name: "its first answer", times: answers.slice(2) });
}

try {
  await create().then(end);
  const parts = { pause: pauseAndResume, fork: forkTen, auto: autoResume, template: warmTemplate };
  for (const name of values.parts.split(",")) await parts[name]();
} finally {
  await Promise.allSettled([...made].map((sandbox) => sandbox.kill()));
  await Promise.allSettled(removals.map((remove) => remove()));
}
