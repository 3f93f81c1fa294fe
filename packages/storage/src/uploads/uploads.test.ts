import { describe, expect, it } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import { soon, tempDir } from "../../test/fixtures";
import { openLocalObjectStore } from "../objects/open-local";
import { handleUpload } from "./receive-upload";
import { openUploadLinks } from "./upload-links";

const secret = new Secret("a seed that nobody knows");
const KEY = "team/files/0123.tar";

async function door() {
  const dir = await tempDir();
  const store = await openLocalObjectStore({ directory: join(dir.path, "objects") });
  const scratch = join(dir.path, "scratch");
  let nowMs = 1_000_000_000_000;
  const links = await openUploadLinks({
    place: { kind: "local", directory: dir.path },
    local: { url: "http://node.example:5/upload", secret },
    nowMs: () => nowMs,
  });
  return {
    store,
    scratch,
    link: (maxBytes = 100, ttlSeconds = 60) => links.uploadLink({ key: KEY, ttlSeconds, maxBytes }),
    put: async (url: string, body: string | ReadableStream<Uint8Array>, init: RequestInit = {}) =>
      (
        await handleUpload(
          { store, scratch, secret, nowMs: () => nowMs },
          new Request(url, { method: "PUT", body, ...init }),
        )
      ).status,
    passSeconds: (seconds: number) => {
      nowMs += seconds * 1000;
    },
    [Symbol.asyncDispose]: dir[Symbol.asyncDispose],
  };
}

describe("upload links of a directory", () => {
  it("take one object, whole", async () => {
    await using at = await door();
    expect(await at.link()).toStartWith(
      "http://node.example:5/upload?path=team%2Ffiles%2F0123.tar&expires=1000000060&max=100&token=",
    );
    expect(await at.put(await at.link(), "hello")).toBe(200);
    expect(new TextDecoder().decode(await at.store.getBytes(KEY, soon()))).toBe("hello");
    expect(await readdir(at.scratch)).toEqual([]);
  });

  it("refuse another path, a longer time, a larger size, another method, and an end that is cut off", async () => {
    await using at = await door();
    const url = await at.link();
    for (const [from, to] of [
      ["0123", "0124"],
      ["expires=1000000060", "expires=1000009999"],
      ["expires=1000000060", "expires=01000000060"],
      ["max=100", "max=1000"],
      ["token=", "token=A"],
    ] as const)
      expect(await at.put(url.replace(from, to), "x")).toBe(403);
    expect(await at.put(url.slice(0, -1), "x")).toBe(403);
    expect(await at.put(url.replace(/&token=.*/, ""), "x")).toBe(403);
    expect(await at.put(url, "x", { method: "POST" })).toBe(405);
    expect(await at.put(url, "x".repeat(10), { headers: { "content-length": "11" } })).toBe(400);
    at.passSeconds(61);
    expect(await at.put(url, "x")).toBe(403);
    expect(await at.store.head(KEY, soon())).toBeUndefined();
  });

  it("refuse what is too large, announced or not, and keep nothing of it", async () => {
    await using at = await door();
    expect(await at.put(await at.link(10), "x".repeat(11))).toBe(413);
    const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(new Uint8Array(1_000)) });
    expect(await at.put(await at.link(5_000), endless)).toBe(413);
    expect(await at.store.head(KEY, soon())).toBeUndefined();
    expect(await readdir(at.scratch)).toEqual([]);
  });
});
