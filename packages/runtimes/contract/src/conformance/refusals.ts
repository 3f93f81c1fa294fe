/** What cannot be brought up is refused with a reason, before anything of it runs, and leaves nothing. */

import { afterAll, beforeAll, describe, expect, it } from "bun:test";
import { truncate, unlink } from "node:fs/promises";
import type { RestoreFrom } from "../index";
import { type Place, type Sealed, type Suite, sealedAt, TEST_MS } from "./suite";

type Harm = { readonly what: string; readonly says: RegExp; do(sealed: Sealed): Promise<RestoreFrom> };

async function largestOf(sealed: Sealed): Promise<string> {
  const files = [...(sealed.seal.memory?.files ?? [])].sort((one, other) => other.sizeBytes - one.sizeBytes);
  return `${sealed.directory}/memory/${files[0]?.name}`;
}

const HARMS: readonly Harm[] = [
  {
    what: "a changed byte",
    says: /damaged/,
    async do(sealed) {
      const path = await largestOf(sealed);
      const bytes = new Uint8Array(await Bun.file(path).arrayBuffer());
      const middle = Math.floor(bytes.length / 2);
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      await Bun.write(path, bytes);
      return sealed.restore("new");
    },
  },
  {
    what: "a file cut short",
    says: /bytes/,
    async do(sealed) {
      await truncate(await largestOf(sealed), 100);
      return sealed.restore("new");
    },
  },
  {
    what: "a missing file",
    says: /cannot be opened/,
    async do(sealed) {
      await unlink(await largestOf(sealed));
      return sealed.restore("new");
    },
  },
  {
    what: "another format",
    says: /reads/,
    async do(sealed) {
      const from = sealed.restore("new");
      return { ...from, memory: { ...from.memory, format: `${from.memory.format}-of-tomorrow` } };
    },
  },
  {
    what: "another runtime",
    says: /reads/,
    async do(sealed) {
      const from = sealed.restore("new");
      return { ...from, memory: { ...from.memory, runtime: from.memory.runtime === "qemu" ? "container" : "qemu" } };
    },
  },
  {
    what: "a name that leaves the directory",
    says: /names a file/,
    async do(sealed) {
      const from = sealed.restore("new");
      const files = [...from.memory.files, { name: "../memory/x", sizeBytes: 0, sha256: "" }];
      return { ...from, memory: { ...from.memory, files } };
    },
  },
];

/** Files of its own, to be harmed. */
async function copyOf(sealed: Sealed, place: Place): Promise<Sealed> {
  const child = Bun.spawn(["cp", "-r", "--sparse=always", `${sealed.directory}/.`, place.path]);
  if ((await child.exited) !== 0) throw new Error("cannot copy the seal");
  return sealedAt(place.path, sealed);
}

export function refusalCases(suite: Suite, memory: boolean): void {
  describe.skipIf(!memory)("a seal that cannot be used", () => {
    let whole: Sealed;
    let home: Place | undefined;
    beforeAll(async () => {
      if (!memory) return;
      home = await suite.harness.place();
      await using running = await suite.start();
      whole = await suite.seal(running, home);
    }, TEST_MS);
    afterAll(() => home?.[Symbol.asyncDispose]());

    it.each(HARMS.map((harm) => [harm.what, harm] as const))(
      "is refused for %s",
      async (_, harm) => {
        await using place = await suite.harness.place();
        const sealed = await copyOf(whole, place);
        await using slot = await suite.harness.lease();
        const restore = await harm.do(sealed);
        const request = { ...suite.request(slot), build: sealed.build, restore };
        const refused = suite.runtime.start(request, AbortSignal.timeout(TEST_MS));
        await expect(refused).rejects.toMatchObject({
          code: "machine_seal_unreadable",
          message: expect.stringMatching(harm.says),
        });
        expect(await suite.runtime.list()).toEqual([]);
        expect(await suite.harness.residue()).toEqual([]);
      },
      TEST_MS,
    );
  });
}
