/** A small fresh Debian from its archive. */
import { debianSources, inherited, readAptConf } from "@sandlot/host";
import { imageFaults } from "./faults";

/** Documentation and translations: sandboxes are for programs. */
const LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/info/*", "/usr/share/locale/*"];

/** What `provisionScript` would otherwise install in a sandbox: here it costs nothing more. */
const INCLUDED = ["bash", "ca-certificates", "curl", "iproute2", "procps", "socat", "sudo"];

/**
 * Makes the tree at `root`, as root, from the host's own mirror: some 15 s.
 * @throws Fault `image_unpack_failed`; the signal's reason when aborted
 */
export async function bootstrapDebian(
  of: { suite: string; root: string; onProgress: (line: string) => void },
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  const aptConf = await readAptConf();
  const child = Bun.spawn(
    [
      "mmdebstrap",
      ...["--variant=minbase", "--mode=root", "--format=directory", `--include=${INCLUDED.join(",")}`],
      ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
      ...aptConf.map((line) => `--aptopt=${line}`),
      of.suite,
      of.root,
      ...debianSources(of.suite),
    ],
    { cwd: "/", env: inherited(), stdin: "ignore", stdout: "ignore", stderr: "pipe", detached: true },
  );
  const stop = (): void => {
    // Its own group: apt and dpkg end with it.
    process.kill(-child.pid, "SIGTERM");
  };
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const said = await new Response(child.stderr).text();
    const exitCode = await child.exited;
    signal?.throwIfAborted();
    if (exitCode !== 0) {
      throw imageFaults.unpack_failed({
        step: `mmdebstrap ${of.suite}`,
        output: said.trim().split("\n").slice(-4).join("; "),
      });
    }
  } finally {
    signal?.removeEventListener("abort", stop);
  }
  await keepAptConf(of.root, aptConf);
}

/** apt inside reaches the archive as apt outside does. */
async function keepAptConf(root: string, lines: readonly string[]): Promise<void> {
  if (lines.length > 0) await Bun.write(`${root}/etc/apt/apt.conf.d/80sandlot`, `${lines.join("\n")}\n`);
}
