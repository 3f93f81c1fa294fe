/** Files of seals that were found to be what their seal says, so that many restores of one seal read them once. */
import { open } from "node:fs/promises";
import { machineFaults, type SealedFile } from "@sandlot/runtime-contract";
import { digestOf, identityOf } from "./file-digest";

/** Names of checked files kept in memory, some 200 bytes each. */
const FILES_MAX = 20_000;

export class CheckedFiles {
  readonly #known = new Map<string, string>();

  /** @throws Fault `machine_seal_unreadable` when the file is missing, of another size or of other content */
  async check(path: string, file: SealedFile): Promise<void> {
    const handle = await open(path, "r").catch((thrown) => {
      throw machineFaults.seal_unreadable({ reason: `${file.name} cannot be opened (${thrown.code})` });
    });
    try {
      const { size } = await handle.stat();
      if (size !== file.sizeBytes)
        throw machineFaults.seal_unreadable({ reason: `${file.name} has ${size} bytes and not ${file.sizeBytes}` });
      const identity = identityOf(await handle.stat({ bigint: true }));
      if (this.#known.get(identity) === file.sha256) return;
      if ((await digestOf(handle)).sha256 !== file.sha256)
        throw machineFaults.seal_unreadable({ reason: `${file.name} is damaged: its checksum differs` });
      this.#remember(identity, file.sha256);
    } finally {
      await handle.close();
    }
  }

  /** Takes it on trust: who wrote it hashed what it wrote. */
  async trust(path: string, file: Pick<SealedFile, "sha256">): Promise<void> {
    const handle = await open(path, "r");
    try {
      this.#remember(identityOf(await handle.stat({ bigint: true })), file.sha256);
    } finally {
      await handle.close();
    }
  }

  #remember(identity: string, sha256: string): void {
    this.#known.set(identity, sha256);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= FILES_MAX) break;
      this.#known.delete(oldest);
    }
  }
}
