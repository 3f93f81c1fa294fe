/** Many disks that lie on each other to one that says the same. */
import { open } from "node:fs/promises";
import { runImageTool } from "../image-tool";
import { readQcow2Header } from "../qcow2-header";

/** The first of the files that a tool is handed. */
const FIRST_FD = 3;

/**
 * A guest that broke into its QEMU has written what is read here. So every header is looked at before the tool sees the file
 * (none may say that its data is elsewhere), what they say of files below is not looked at, since all are given, and the
 * tool runs as the machine's own id, without rights and without a network.
 * @param of.disks newest first, readable for that id; none of them may be one that a QEMU still writes
 * @throws Fault `qemu_bad_disk`
 */
export async function flattenDisks(
  of: { disks: readonly string[]; to: string; uid: number },
  signal: AbortSignal,
): Promise<void> {
  for (const path of of.disks) await readQcow2Header(path);
  await using held = new AsyncDisposableStack();
  const files: number[] = [];
  for (const path of of.disks) files.push(held.adopt(await open(path, "r"), (file) => file.close()).fd);
  const to = held.adopt(await open(of.to, "wx+", 0o644), (file) => file.close());
  await to.chown(of.uid, of.uid);
  const source = `json:${JSON.stringify(chainOf(of.disks.map((_, at) => FIRST_FD + at)))}`;
  const target = `/dev/fd/${FIRST_FD + files.length}`;
  await runImageTool(["convert", "-q", "-U", "-O", "qcow2", source, target], {
    ...of,
    files: [...files, to.fd],
    signal,
  });
  await to.chown(0, 0);
}

type Node = { driver: "qcow2"; file: { driver: "file"; filename: string }; backing: Node | null };

function chainOf([newest, ...below]: readonly number[]): Node {
  if (newest === undefined) throw new Error("there is no disk to flatten");
  const backing = below.length === 0 ? null : chainOf(below);
  return { driver: "qcow2", file: { driver: "file", filename: `/dev/fd/${newest}` }, backing };
}
