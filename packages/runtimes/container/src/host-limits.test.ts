import { expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { dropHostLimits, holdHostLimits } from "./host-limits";

async function host(values: Record<string, string>) {
  const root = await mkdtemp(join(tmpdir(), "sandlot-limits-"));
  const places = { sysDir: join(root, "sys"), notesDir: join(root, "notes") };
  for (const [path, text] of Object.entries(values)) {
    await mkdir(dirname(join(places.sysDir, path)), { recursive: true });
    await writeFile(join(places.sysDir, path), text);
  }
  const value = async (path: string) => (await readFile(join(places.sysDir, path), "utf8")).trim();
  return { places, value, [Symbol.asyncDispose]: () => rm(root, { recursive: true }) };
}

test("the first raises, the last puts back, whoever comes between", async () => {
  await using here = await host({ "kernel/pid_max": "32768\n", "kernel/pty/max": "2000000\n" });
  expect(await holdHostLimits("aaaa", here.places)).toEqual([]);
  expect(await here.value("kernel/pid_max")).toBe("4194304");
  expect(await here.value("kernel/pty/max")).toBe("2000000");
  await holdHostLimits("bbbb", here.places);
  await holdHostLimits("aaaa", here.places);
  await dropHostLimits("aaaa", here.places);
  expect(await here.value("kernel/pid_max")).toBe("4194304");
  await dropHostLimits("bbbb", here.places);
  await dropHostLimits("bbbb", here.places);
  expect(await here.value("kernel/pid_max")).toBe("32768");
  expect(await readdir(here.places.notesDir)).toEqual([]);
});

test("an installation from before a limit was raised does not hide what that was", async () => {
  await using here = await host({ "kernel/pid_max": "32768\n", "fs/inotify/max_user_instances": "128\n" });
  await mkdir(here.places.notesDir);
  await writeFile(join(here.places.notesDir, "host_limits.aaaa"), JSON.stringify({ "kernel/pid_max": 32768 }));
  await holdHostLimits("aaaa", here.places);
  await holdHostLimits("bbbb", here.places);
  await dropHostLimits("aaaa", here.places);
  expect(await here.value("fs/inotify/max_user_instances")).toBe("1073741824");
  await dropHostLimits("bbbb", here.places);
  expect(await here.value("fs/inotify/max_user_instances")).toBe("128");
});

test("what the host's owner changed meanwhile stays", async () => {
  await using here = await host({ "kernel/pid_max": "32768\n" });
  await holdHostLimits("aaaa", here.places);
  await writeFile(join(here.places.sysDir, "kernel/pid_max"), "99999\n");
  await dropHostLimits("aaaa", here.places);
  expect(await here.value("kernel/pid_max")).toBe("99999");
});
