// An installation whose data lies on a small disk of its own, which a test can fill and empty again. Root only.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOwnInstallation } from "../faults/own-installation.mjs";

export const DISK_BYTES = 3 * 1024 ** 3;

function mountSmallDisk() {
  const place = mkdtempSync(join(tmpdir(), "sandlot-disk-"));
  chmodSync(place, 0o711);
  const image = join(place, "image");
  const disk = join(place, "disk");
  writeFileSync(image, "");
  truncateSync(image, DISK_BYTES);
  execFileSync("mkfs.ext4", ["-q", "-m", "0", image]);
  mkdirSync(disk);
  execFileSync("mount", ["-o", "loop", image, disk]);
  const unmount = () => {
    execFileSync("umount", ["-l", disk]);
    rmSync(place, { recursive: true, force: true });
  };
  return { disk, unmount };
}

/** `flags` of its first `up`. `end` wants that nothing of the installation stays, and takes the disk away in any case. */
export async function startOnSmallDisk({ flags }) {
  const { disk, unmount } = mountSmallDisk();
  let own;
  try {
    own = await startOwnInstallation({ parent: disk, flags });
  } catch (thrown) {
    unmount();
    throw thrown;
  }
  const ballast = join(disk, "ballast");
  return {
    own,
    fillTo(freeBytes) {
      const { bavail, bsize } = statfsSync(disk);
      execFileSync("fallocate", ["-l", String(Math.floor(bavail * bsize - freeBytes)), ballast]);
    },
    empty: () => rmSync(ballast),
    async end() {
      try {
        assert.deepEqual(await own.end(), []);
      } finally {
        unmount();
      }
    },
  };
}
