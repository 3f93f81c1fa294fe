// A Python with one package of PyPI in it, in a private environment that is kept for the next run.
import { execFile } from "node:child_process";
import { access, mkdir, rename, rm } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);
const cache = process.env.SANDLOT_PYTHON_CACHE ?? "/var/cache/sandlot/python-client";

/** @returns its path, or the problem where PyPI or Python is not to be had */
export async function pythonWith(requirement) {
  const dir = `${cache}/${requirement.replace("==", "-")}`;
  const path = `${dir}/bin/python`;
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere) return { path };
  const making = `${dir}.${process.pid}`;
  try {
    await mkdir(cache, { recursive: true });
    await run("python3", ["-m", "venv", making], { timeout: 60_000 });
    const pip = ["-m", "pip", "install", "--quiet", "--timeout", "10", "--retries", "1", requirement];
    await run(`${making}/bin/python`, pip, { timeout: 180_000 });
    await rename(making, dir);
    return { path };
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    const said = String(error.stderr || error.message);
    return { problem: `no Python client: ${said.trim().split("\n").at(-1)}` };
  }
}
