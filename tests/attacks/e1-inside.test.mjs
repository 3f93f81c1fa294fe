// E1: what root inside a sandbox can try against the kernel and the host. `guest/escape.py` makes every attempt; all are
// refused but those named here, which touch nothing but the sandbox itself.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { before, test } from "node:test";
import { create } from "../e2e/support.mjs";

const asRoot = async (sandbox, file, words = "") => {
  await sandbox.files.write(file, await readFile(new URL(`guest/${file}`, import.meta.url), "utf8"));
  return (await sandbox.commands.run(`sudo python3 ${file} ${words}`, { timeoutMs: 60_000 })).stdout;
};

let sandbox;
let found;
before(async () => {
  sandbox = await create();
  found = JSON.parse(await asRoot(sandbox, "escape.py"));
});

/** Facts, and attempts that may succeed. Everything else must begin with "refused". */
const facts = new Set([
  ...["sockets", "uid_map", "cap_bounding", "cap_effective", "processes", "environment_of_init", "host_files"],
  ...["descriptors_of_init", "mount_sources", "device_files", "masks_left", "proc sys", "setns to init's"],
  ...["nested namespaces with a filter of our own", "write to the layers", "chroot break"],
]);

test("E1 root's every attempt on kernel, devices, limits and namespaces above is refused", () => {
  const attempts = Object.entries(found).filter(([name]) => !facts.has(name));
  assert.ok(attempts.length >= 74, `${attempts.length} attempts`);
  const gained = attempts.filter(([, outcome]) => !String(outcome).startsWith("refused"));
  assert.deepEqual(gained, []);
});

test("E1 root inside is nobody outside, and holds no capability over kernel, clock, modules, raw I/O or limits", () => {
  const [inside, outside, count] = found.uid_map.map(Number);
  assert.deepEqual([inside, count], [0, 65_536]);
  assert.ok(outside >= 0x1000_0000);
  // SYS_MODULE 16, SYS_RAWIO 17, SYS_PACCT 20, SYS_NICE 23, SYS_RESOURCE 24, SYS_TIME 25, SYS_TTY_CONFIG 26,
  // SYSLOG 34, WAKE_ALARM 35, BLOCK_SUSPEND 36, AUDIT_READ 37, PERFMON 38, BPF 39, CHECKPOINT_RESTORE 40.
  const held = BigInt(`0x${found.cap_bounding}`);
  for (const capability of [16, 17, 20, 23, 24, 25, 26, 34, 35, 36, 37, 38, 39, 40]) {
    assert.equal((held >> BigInt(capability)) & 1n, 0n, `capability ${capability}`);
  }
});

test("E1 nothing of the host is in sight: processes, sockets, files, descriptors, environment, mounts", () => {
  assert.deepEqual(found.sockets, []);
  assert.deepEqual(found.host_files, []);
  assert.deepEqual(found.processes, ["envd", "init", "python3", "sudo"]);
  assert.deepEqual(found.descriptors_of_init, ["/dev/null", "/run/sandlot/init.log"]);
  assert.ok(found.environment_of_init.every((entry) => /^(|PATH=.*|HOME=\/root|LANG=C\.UTF-8)$/.test(entry)));
  const known = ["devpts", "lxcfs", "proc", "sandlot", "sysfs", "tmpfs"];
  assert.deepEqual(
    found.mount_sources.filter((source) => !known.includes(source)),
    [],
  );
  const usual = ["fd", "full", "fuse", "null", "ptmx", "pts", "random", "shm", "stderr", "stdin", "stdout", "tty"];
  assert.deepEqual(
    found.device_files.filter((name) => ![...usual, "urandom", "zero"].includes(name)),
    [],
  );
});

test("E1 with the masks taken off, only switches of the sandbox's own namespaces can be written", () => {
  assert.deepEqual(found.masks_left, []);
  const own = /^\/proc\/sys\/(fs\/mqueue\/|kernel\/(auto_msgmni|msg|ns_last_pid$|pid_max$|sem|shm))/;
  assert.deepEqual(
    found["proc sys"].filter((path) => !own.test(path)),
    [],
  );
});

test("E1 what root writes into its system files and layers, no neighbour sees", async () => {
  await sandbox.commands.run(
    "sudo sh -c 'echo evil > /usr/lib/sandlot/envd.evil; echo evil > /etc/evil; echo >> /bin/sh.evil; chmod 4777 /etc/evil'",
  );
  const neighbour = await create();
  const seen = await neighbour.commands.run("ls /usr/lib/sandlot/envd.evil /etc/evil /bin/sh.evil 2>/dev/null; true");
  assert.equal(seen.stdout, "");
});
