/** Runs a program that handles foreign data where it can do little harm: one writable directory, no network, few rights. */
import { mkdirSync, rmdirSync } from "node:fs";
import { imageFaults } from "../faults";

/** Of root, what unpacking wants: owners, modes, attributes of files. No devices, no mounts, no network administration. */
const RIGHTS = ["chown", "dac_override", "fowner", "fsetid", "setfcap"];

// $1 the jail's mount point, $2 the writable directory; the rest is the command, whose paths lie below /work.
const SCRIPT = `
set -eu
jail=$1 work=$2
shift 2
mount -t tmpfs -o mode=0755,size=1m tmpfs "$jail"
for name in bin sbin lib lib32 lib64 libx32 usr; do
  if [ -L "/$name" ]; then cp -P "/$name" "$jail/$name"
  elif [ -d "/$name" ]; then mkdir "$jail/$name"; mount --bind "/$name" "$jail/$name"; mount -o remount,bind,ro,nosuid,nodev "$jail/$name"; fi
done
mkdir "$jail/work" "$jail/tmp" "$jail/proc"
mount --bind "$work" "$jail/work"
mount -o remount,bind,nosuid,nodev "$jail/work"
mount -t proc proc "$jail/proc"
mount -o remount,ro "$jail"
exec chroot "$jail" /usr/bin/setpriv --no-new-privs --bounding-set=-all,${RIGHTS.map((right) => `+${right}`).join(",")} --inh-caps=-all -- "$@"
`;

/**
 * The namespaces go with the last process, and so do all mounts.
 * @returns what it wrote
 * @throws Fault `image_unpack_failed`; the signal's reason when aborted
 */
export async function runJailed(of: {
  step: string;
  argv: readonly string[];
  workDir: string;
  jailDir: string;
  signal?: AbortSignal | undefined;
}): Promise<string> {
  of.signal?.throwIfAborted();
  mkdirSync(of.jailDir, { recursive: true });
  const namespaces = ["--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child=KILL"];
  const argv = ["unshare", ...namespaces, "--propagation", "slave", "sh", "-c", SCRIPT, "sh", of.jailDir, of.workDir];
  const child = Bun.spawn([...argv, ...of.argv], {
    cwd: "/",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LANG: "C.UTF-8", HOME: "/tmp" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stop = (): void => void child.kill("SIGKILL");
  of.signal?.addEventListener("abort", stop, { once: true });
  try {
    const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const exitCode = await child.exited;
    of.signal?.throwIfAborted();
    if (exitCode !== 0) {
      const output = said.join("\n").trim().split("\n").slice(-5).join("; ");
      throw imageFaults.unpack_failed({ step: of.step, output: output.slice(0, 2_000) });
    }
    return said[0];
  } finally {
    of.signal?.removeEventListener("abort", stop);
    rmdirSync(of.jailDir);
  }
}
