// The stock Python client, newest and oldest, both its faces, against this installation: python/contract.py says what is checked. It comes
// from PyPI into a private environment, kept for the next run; where PyPI or Python is not to be had, all is skipped.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { access, mkdir, readFile, rename, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { before, describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = fileURLToPath(new URL("./python/", import.meta.url));
const VERSIONS = ["2.63.0", "2.45.1"];
const contract = await readFile(`${here}contract.py`, "utf8");
const cache = process.env.SANDLOT_PYTHON_CACHE ?? "/var/cache/sandlot/python-client";

/** The checks of one face, as the file declares them. */
function checksOf(face) {
  const declared = contract.matchAll(/^@check\((?:"(\w+)")?\)\nasync def (\w+)/gm);
  return [...declared].filter(([, only]) => only === undefined || only === face).map(([, , name]) => name);
}

/** Path of a Python that has the client in this version, or why there is none. */
async function python(version) {
  const dir = `${cache}/${version}`;
  const found = `${dir}/bin/python`;
  if (
    await access(found).then(
      () => true,
      () => false,
    )
  )
    return { path: found };
  const making = `${dir}.${process.pid}`;
  try {
    await mkdir(cache, { recursive: true });
    await run("python3", ["-m", "venv", making], { timeout: 60_000 });
    const pip = ["-m", "pip", "install", "--quiet", "--timeout", "10", "--retries", "1", `e2b==${version}`];
    await run(`${making}/bin/python`, pip, { timeout: 180_000 });
    await rename(making, dir);
    return { path: found };
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    return {
      problem: `no Python client: ${String(error.stderr || error.message)
        .trim()
        .split("\n")
        .at(-1)}`,
    };
  }
}

const isRepeat = (process.env.SANDLOT_E2B_PACKAGE ?? "e2b") !== "e2b";
const repeated = { problem: "runs beside the newest JavaScript client only" };

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** Runs the checks of one face in one process; the answers by name, as promises. */
function start(path, face) {
  const answers = new Map(checksOf(face).map((name) => [name.replaceAll("_", " "), deferred()]));
  for (const { promise } of answers.values()) promise.catch(() => undefined);
  const child = spawn(path, [`${here}contract.py`, face], { stdio: ["ignore", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const answer = JSON.parse(line);
    answers.get(answer.name)?.resolve(answer);
  });
  child.on("close", (code) => {
    for (const { reject } of answers.values()) reject(new Error(`contract.py ended with ${code} before this check`));
  });
  return answers;
}

for (const version of VERSIONS) {
  const { path, problem } = isRepeat ? repeated : await python(version);
  for (const face of ["sync", "async"]) {
    describe(`Python ${version}, ${face}`, () => {
      let answers;
      before(() => {
        if (problem === undefined) answers = start(path, face);
      });
      for (const name of checksOf(face).map((words) => words.replaceAll("_", " "))) {
        test(name, { skip: problem, timeout: 150_000 }, async (t) => {
          const answer = await answers.get(name).promise;
          assert.ok(answer.ok, answer.problem);
          if (answer.skipped) t.skip(answer.skipped);
        });
      }
    });
  }
}
