/** qemu-img, one short process per call. */
import { qemuFaults } from "./faults";

/** Words in front of a command that is to run as a machine's own id, without any rights. */
export const asNobody = (uid: number | string): string[] => [
  "setpriv",
  `--reuid=${uid}`,
  `--regid=${uid}`,
  "--clear-groups",
  "--bounding-set=-all",
  "--no-new-privs",
  "--",
];

/**
 * @param of.uid whom it runs as, without any rights: for images that a QEMU has written, which may be broken into
 * @param of.files open files, which it finds as /dev/fd/3 and on
 * @throws Fault `qemu_bad_disk` with what it said; the signal's reason when that aborts first
 */
export async function runImageTool(
  words: readonly string[],
  of: { uid?: number; files?: readonly number[]; signal?: AbortSignal } = {},
): Promise<void> {
  const { uid, signal } = of;
  const as = uid === undefined ? [] : ["unshare", "--net", "--", ...asNobody(uid)];
  const child = Bun.spawn([...as, "qemu-img", ...words], {
    stdio: ["ignore", "ignore", "pipe", ...(of.files ?? [])],
    cwd: "/",
    ...(signal === undefined ? {} : { signal, killSignal: "SIGKILL" as const }),
  });
  const [said, exitCode] = await Promise.all([new Response(child.stderr as ReadableStream).text(), child.exited]);
  signal?.throwIfAborted();
  if (exitCode !== 0)
    throw qemuFaults.bad_disk({ name: `qemu-img ${words[0]}`, reason: said.trim() || `exit ${exitCode}` });
}
