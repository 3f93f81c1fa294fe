/** The built envd in roots that are not Debian: next to nothing of glibc, and busybox with musl. */
import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { basic, type Json, readPort, run, type TestEnvd, unary } from "./harness";

const LAYER = join(import.meta.dir, "../../../dist/guest-layer/usr/lib/sandlot");
const NEEDED = [join(LAYER, "envd"), "/usr/bin/unshare", "/usr/sbin/chroot"];
const missing = process.getuid?.() === 0 ? NEEDED.find((path) => !existsSync(path)) : "root";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nuser:x:52001:52001::/home/user:/bin/sh\n";

/** A tree with accounts, homes and places for mounts, and nothing that could run. */
function emptyRoot(): string {
  const root = mkdtempSync(join(tmpdir(), "envd-root-"));
  chmodSync(root, 0o755);
  for (const dir of ["bin", "dev", "etc", "home/user", "proc", "root", "tmp", "usr/lib/sandlot"]) {
    mkdirSync(join(root, dir), { recursive: true });
  }
  chmodSync(join(root, "tmp"), 0o1777);
  chownSync(join(root, "home/user"), 52001, 52001);
  writeFileSync(join(root, "etc/passwd"), PASSWD);
  writeFileSync(join(root, "etc/group"), "root:x:0:\nuser:x:52001:\n");
  return root;
}

/** The host's shell and the libraries it names: no coreutils, no NSS, no locale. */
function bareGlibcRoot(): string {
  const root = emptyRoot();
  const shell = Bun.spawnSync(["readlink", "-f", "/bin/sh"]).stdout.toString().trim();
  copyFileSync(shell, join(root, "bin/sh"));
  const libraries = Bun.spawnSync(["ldd", shell]).stdout.toString();
  for (const [library] of libraries.matchAll(/\/\S+/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
  return root;
}

/** Of Debian's own packages, unpacked and not installed; undefined where apt cannot fetch them. */
function muslRoot(): string | undefined {
  const packages = mkdtempSync(join(tmpdir(), "envd-debs-"));
  chmodSync(packages, 0o777); // apt fetches as a user of its own
  mkdirSync(join(packages, "lists/partial"), { recursive: true });
  try {
    const lists = `Dir::State::Lists=${packages}/lists`;
    const apt = (...args: string[]): boolean => Bun.spawnSync(["apt-get", ...args], { cwd: packages }).exitCode === 0;
    const wanted = ["download", "busybox-static", "musl"];
    if (!apt(...wanted) && !(apt("-o", lists, "update") && apt("-o", lists, ...wanted))) return undefined;
    const root = emptyRoot();
    for (const deb of new Bun.Glob("*.deb").scanSync(packages)) {
      Bun.spawnSync(["dpkg-deb", "-x", join(packages, deb), root]);
    }
    for (const name of ["sh", "cat", "id", "ls", "wc"]) symlinkSync("busybox", join(root, "bin", name));
    return root;
  } finally {
    rmSync(packages, { recursive: true, force: true });
  }
}

/** Mounts are a namespace of its own, gone with the process; a slave, so that it keeps no mount of the host alive. */
async function startIn(root: string): Promise<TestEnvd> {
  const script = `mount --bind ${LAYER} ${root}/usr/lib/sandlot && mount -t proc proc ${root}/proc &&
    mount --rbind /dev ${root}/dev && exec chroot ${root} /usr/lib/sandlot/envd -isnotfc -port 0`;
  const child = Bun.spawn(["unshare", "--mount", "--propagation", "slave", "sh", "-c", script], {
    env: {
      PATH: "/bin:/usr/bin:/usr/sbin",
      ENVD_HOST: "127.0.0.1",
      ENVD_FORWARD_ADDRESS: "",
      ENVD_OWNS_MACHINE: "false",
    },
    stdout: "pipe",
    stderr: "inherit",
  });
  const port = await readPort(child.stdout);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    pid: child.pid,
    root,
    home: "/home/user",
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
      rmSync(root, { recursive: true, force: true });
    },
  };
}

async function filesystem(envd: TestEnvd, method: string, message: Json): Promise<Json> {
  const response = await fetch(`${envd.url}/filesystem.Filesystem/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...basic("user") },
    body: JSON.stringify(message),
  });
  return (await response.json()) as Json;
}

/** What must hold wherever there is a shell, with nothing but its builtins. */
async function holds(envd: TestEnvd): Promise<void> {
  const ran = await run(envd, {
    script: 'echo "$USER $HOME $PWD"; read line; echo "<$line>" >&2; exit 3',
    request: { stdin: false },
  });
  expect([ran.stdout, ran.stderr]).toEqual(["user /home/user /home/user\n", "<>\n"]);
  expect(ran.end).toEqual({ exitCode: 3, exited: true, status: "exit status 3", error: "exit status 3" });
  const none = await run(envd, { script: "", process: { cmd: "no-such-command", args: [] } });
  expect(none.end?.exitCode).toBe(127);
  const fed = await run(envd, {
    script: "read line; echo $line",
    onEvent: async (event, { pid }) => {
      if (event.start === undefined) return;
      const input = { stdin: Buffer.from("fed\n").toString("base64") };
      await unary({ url: envd.url, method: "SendInput" }, { process: { pid }, input });
    },
  });
  expect(fed.stdout).toBe("fed\n");
  const terminal = await run(envd, {
    script: "echo on-a-terminal; [ -t 0 ] && [ -t 1 ] && exit 9",
    request: { pty: { size: { cols: 80, rows: 24 } } },
  });
  expect([terminal.pty, terminal.end?.exitCode]).toEqual(["on-a-terminal\r\n", 9]);

  const { watcherId } = (await filesystem(envd, "CreateWatcher", { path: "/home/user" })) as { watcherId: string };
  const form = new FormData();
  form.append("file", new Blob(["content"]), "dir/file.txt");
  const written = await fetch(`${envd.url}/files?username=user`, { method: "POST", body: form });
  expect(await written.json()).toEqual([{ path: "/home/user/dir/file.txt", name: "file.txt", type: "file" }]);
  const read = await fetch(`${envd.url}/files?username=user&path=dir/file.txt`);
  expect(await read.text()).toBe("content");
  const { events } = (await filesystem(envd, "GetWatcherEvents", { watcherId })) as { events: Json[] };
  expect(events).toContainEqual({ name: "dir", type: "EVENT_TYPE_CREATE" });
  const { entries } = (await filesystem(envd, "ListDir", { path: "dir" })) as { entries: Json[] };
  expect(entries).toMatchObject([{ name: "file.txt", owner: "user", permissions: "-rw-r--r--" }]);
  expect((await fetch(`${envd.url}/metrics`)).status).toBe(200);
  expect((await fetch(`${envd.url}/health`)).status).toBe(204);
}

describe.skipIf(missing !== undefined)("envd with its private libraries runs", () => {
  test("in a bare glibc root", async () => {
    await using envd = await startIn(bareGlibcRoot());
    await holds(envd);
  }, 60_000);

  const musl = missing === undefined ? muslRoot() : undefined;
  test.skipIf(musl === undefined)(
    "in a root of busybox and musl, whose programs keep their own libraries",
    async () => {
      await using envd = await startIn(musl ?? "");
      await holds(envd);
      const listed = await run(envd, { script: "ls -d /lib/*musl*; id -u; echo abc | wc -c" });
      expect(listed.stdout).toMatch(/^\/lib\/.*musl[\s\S]*\n52001\n4\n$/);
      const loader = await run(envd, {
        script: "/lib/ld-musl-*.so.1 --list /lib/ld-musl-*.so.1 || /lib/ld-musl-*.so.1",
      });
      expect(loader.stdout + loader.stderr).toContain("musl");
    },
    60_000,
  );
});

test("the layer names its own loader and nothing of the guest's", () => {
  if (missing !== undefined) return;
  const print = (what: string): string =>
    Bun.spawnSync(["patchelf", what, join(LAYER, "envd")])
      .stdout.toString()
      .trim();
  expect(dirname(print("--print-interpreter"))).toBe("/usr/lib/sandlot/lib");
  expect(print("--print-rpath")).toBe("/usr/lib/sandlot/lib");
  const needed = print("--print-needed").split("\n");
  for (const library of needed) expect(existsSync(join(LAYER, "lib", basename(library)))).toBe(true);
});
