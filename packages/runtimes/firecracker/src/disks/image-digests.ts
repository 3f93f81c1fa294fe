/** Checksums of layers' images, each made once as long as the file stays as it is. */
import { open } from "node:fs/promises";
import { digestOf, identityOf } from "@sandlot/runtime-host";
import { limits } from "../limits";

export class ImageDigests {
  readonly #known = new Map<string, string>();

  async of(path: string): Promise<string> {
    const file = await open(path, "r");
    try {
      const identity = identityOf(await file.stat({ bigint: true }));
      const known = this.#known.get(identity);
      if (known !== undefined) return known;
      const { sha256 } = await digestOf(file);
      this.#known.set(identity, sha256);
      for (const oldest of this.#known.keys()) {
        if (this.#known.size <= limits.knownImages) break;
        this.#known.delete(oldest);
      }
      return sha256;
    } finally {
      await file.close();
    }
  }
}
