/** A tree to an erofs layer that nothing changes any more. */
import { createHash } from "node:crypto";
import { createReadStream, renameSync, rmSync, statSync } from "node:fs";
import { run } from "@sandlot/host";

/** @returns the layer's hash and size; `layerPath` appears whole or not at all */
export async function sealTree(
  of: { root: string; layerPath: string; uuid: string },
  signal?: AbortSignal,
): Promise<{ sha256: string; sizeBytes: number }> {
  const draft = `${of.layerPath}.new`;
  try {
    // Without a file system id of its own, overlayfs keeps no index and exports no handles.
    await run(["mkfs.erofs", "--quiet", "-x1", `-U${of.uuid}`, draft, of.root], signal === undefined ? {} : { signal });
    signal?.throwIfAborted();
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(draft, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    const { size } = statSync(draft);
    renameSync(draft, of.layerPath);
    return { sha256: hash.digest("hex"), sizeBytes: size };
  } finally {
    rmSync(draft, { force: true });
  }
}
