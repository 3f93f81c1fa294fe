import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "@sandlot/host";
import { imageSources, parseMirrors, pullImage } from "../src";
import type { PullRequest } from "../src/types";
import { pushImage, startRegistry, type TestRegistry } from "./fixtures/registry";
import { type TarEntry, tarOf } from "./fixtures/tar";

const OS_RELEASE: TarEntry = { name: "etc/os-release", body: 'ID=debian\nVERSION_ID="12"\n' };
const BASE: readonly TarEntry[] = [
  { name: "etc/", type: "dir" },
  OS_RELEASE,
  { name: "bin", type: "symlink", link: "usr/bin" },
  { name: "usr/", type: "dir" },
  { name: "usr/bin/", type: "dir" },
  { name: "usr/bin/su", body: "program", mode: 0o4755 },
  { name: "home/", type: "dir" },
  { name: "home/one", body: "mine", uid: 1000 },
  { name: "opt/", type: "dir" },
  { name: "opt/gone", body: "x" },
  { name: "opt/kept", body: "x" },
];

let registry: TestRegistry;
let dir: string;
beforeAll(async () => {
  registry = await startRegistry();
  dir = mkdtempSync("/tmp/sandlot-images-");
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

let count = 0;
function requestOf(reference: string, more: Partial<PullRequest> = {}): PullRequest {
  const mirrors = parseMirrors([`docker.io/=${registry.origin}/hub/`]);
  count += 1;
  const workDir = mkdtempSync(join(dir, "work-"));
  const layerPath = join(dir, `layer-${count}.erofs`);
  return { reference, sources: imageSources(reference, mirrors), workDir, layerPath, ...more };
}

async function push(name: string, layers: readonly (readonly TarEntry[])[], env: readonly string[] = []) {
  return await pushImage({ origin: registry.origin, name: `hub/${name}`, layers: layers.map(tarOf), env });
}

/** The layer's files, as a mount shows them. */
async function filesOf(layerPath: string): Promise<string> {
  const at = mkdtempSync(join(dir, "mount-"));
  await run(["mount", "-t", "erofs", "-o", "loop,ro", layerPath, at]);
  try {
    return await run(["sh", "-c", `cd ${at} && find . -printf '%P %y %m %U %l\\n' | sort`]);
  } finally {
    await run(["umount", at]);
  }
}

describe(pullImage, () => {
  test("gives a layer with the image's files, owners, modes and environment", async () => {
    const digest = await push("me/app:1", [BASE], ["PATH=/usr/bin", "A=b=c"]);
    const lines: string[] = [];
    const request = requestOf("me/app:1", { onProgress: (line) => lines.push(line) });
    const pulled = await pullImage(request);
    expect(pulled).toMatchObject({
      digest,
      env: { PATH: "/usr/bin", A: "b=c" },
      family: "debian",
      distribution: "debian",
    });
    const files = await filesOf(pulled.layerPath);
    expect(files).toContain("usr/bin/su f 4755 0 ");
    expect(files).toContain("home/one f 644 1000 ");
    expect(files).toContain("bin l 777 0 usr/bin");
    expect(files).toContain("dev/null c 666 0 ");
    expect(files).toContain("etc/resolv.conf f 644 0 ");
    expect(readdirSync(request.workDir)).toEqual([]);
    expect(lines.join("\n")).toContain("Fetched layer 1 of 1");
  });

  test("applies whiteouts of files and of whole directories", async () => {
    const second: TarEntry[] = [
      { name: "opt/.wh.gone" },
      { name: "home/.wh..wh..opq" },
      { name: "home/two", body: "2" },
    ];
    await push("me/white:1", [BASE, second]);
    const files = await filesOf((await pullImage(requestOf("me/white:1"))).layerPath);
    expect(files).not.toContain("opt/gone");
    expect(files).not.toContain("home/one");
    expect(files).not.toContain(".wh.");
    expect(files).toContain("opt/kept f");
    expect(files).toContain("home/two f");
  });

  test("pulls by digest, and goes on to the next source when one cannot be reached", async () => {
    const digest = await push("me/digest:1", [BASE]);
    const reference = `me/digest@${digest}`;
    const mirrors = parseMirrors(["docker.io/=http://127.0.0.1:1/", `docker.io/=${registry.origin}/hub/`]);
    const pulled = await pullImage({ ...requestOf(reference), sources: imageSources(reference, mirrors) });
    expect(pulled.digest).toBe(digest);
  });

  test("says which image is not there, and which distribution it does not know", async () => {
    await expect(pullImage(requestOf("me/none:1"))).rejects.toMatchObject({ code: "image_not_found" });
    await push("me/oracle:1", [
      [...BASE.filter((entry) => entry !== OS_RELEASE), { name: "etc/os-release", body: "ID=ol\n" }],
    ]);
    await expect(pullImage(requestOf("me/oracle:1"))).rejects.toThrow("ID='ol' is not supported");
  });

  test("ends at once when it is told to, and leaves nothing", async () => {
    await push("me/stopped:1", [BASE]);
    const stop = new AbortController();
    const request = requestOf("me/stopped:1", {
      onProgress: (line) => line.startsWith("Unpacking") && stop.abort(new Error("enough")),
    });
    await expect(pullImage(request, stop.signal)).rejects.toThrow("enough");
    expect(readdirSync(request.workDir)).toEqual([]);
    expect(existsSync(request.layerPath)).toBe(false);
  });
});
