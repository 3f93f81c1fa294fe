/**
 * Stands for the jailer, and for Firecracker which the real one becomes: checks its command line, makes the directories and
 * cgroups, enters the namespace, closes itself in by its working directory. Test double only, never shipped.
 */
import { appendFileSync, chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { NetworkNamespace } from "@sandlot/linux";
import { wrongsOfJailerLine } from "../../src/rules/jailer-rules";
import { Control } from "./control";
import { FakeFirecracker } from "./firecracker";

const [controlDir = "", ...line] = process.argv.slice(2);
const control = new Control(controlDir);

function fail(reason: string): never {
  process.stderr.write(`fake jailer: ${reason}\n`);
  process.exit(1);
}

function given(flag: string): string[] {
  return line.flatMap((word, at) => (word === flag ? [line[at + 1] ?? ""] : []));
}

const wrongs = wrongsOfJailerLine(line);
control.note({ machine: given("--id")[0] ?? "", request: "jailer", body: line, wrongs });
if (wrongs.length > 0) fail(wrongs.join("; "));
const one = (flag: string): string => given(flag)[0] ?? "";
const uid = Number(one("--uid"));
if (!existsSync(one("--exec-file"))) fail("no such exec file");
if (control.troubleAt("start") === "die") fail("told to");

// As the real one: everything up to its root belongs to the machine's user.
const root = join(one("--chroot-base-dir"), basename(one("--exec-file")), one("--id"), "root");
mkdirSync(root, { recursive: true });
chownSync(root, uid, uid);
for (const dir of ["dev", "dev/net", "run"]) {
  mkdirSync(join(root, dir), { recursive: true, mode: 0o700 });
  chownSync(join(root, dir), uid, uid);
}
joinCgroups();
const netns = one("--netns");
const start = (): void => {
  process.chdir(root);
  const socket = line[line.indexOf("--api-sock") + 1] ?? "";
  new FakeFirecracker({ control, id: one("--id"), uid, say: (text) => appendFileSync(1, text) }).listen(socket);
};
if (control.troubleAt("start") === "hang") setInterval(() => undefined, 1000);
else if (netns === "") start();
else {
  using place = new NetworkNamespace(netns);
  // A socket file has no namespace; what matters is the list of links, read while inside.
  const links = place.run(() => readFileSync("/proc/thread-self/net/dev", "utf8"));
  writeFileSync(join(root, ".links"), links);
  start();
}

/** As the real one: a directory per controller that a setting names, and the settings in it. */
function joinCgroups(): void {
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  for (const setting of given("--cgroup")) {
    const [file = "", value = ""] = setting.split("=");
    const controller = file.split(".")[0] ?? "";
    const isV2 = one("--cgroup-version") === "2";
    const mount = mounts.find((row) =>
      isV2 ? / - cgroup2 /.test(row) : new RegExp(` - cgroup \\S+ (?:\\S+,)?${controller}(?:,|$)`).test(row),
    );
    const at = mount?.split(" ")[4];
    if (at === undefined) fail(`no cgroup for ${controller}`);
    const dir = join(at, one("--parent-cgroup"), one("--id"));
    mkdirSync(dir, { recursive: true });
    writeFileSync(join(dir, file), value);
    writeFileSync(join(dir, "cgroup.procs"), String(process.pid));
    if (statSync(dir).isDirectory() === false) fail(`no cgroup ${dir}`);
  }
}
