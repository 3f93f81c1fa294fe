// Images made to harm who unpacks them (cases D2 and D3 of the attacks a sandbox cloud must survive).
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pullImage } from "../src";
import type { RegistrySource } from "../src/mirrors";
import type { PullRequest } from "../src/types";
import { pushBlob, pushImage, startRegistry, type TestRegistry } from "./fixtures/registry";
import { type TarEntry, tarOf } from "./fixtures/tar";

const BASE: readonly TarEntry[] = [
  { name: "etc/", type: "dir" },
  { name: "etc/os-release", body: "ID=debian\n" },
];

let registry: TestRegistry;
let dir: string;
beforeAll(async () => {
  registry = await startRegistry();
  dir = mkdtempSync("/tmp/sandlot-attacks-");
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

function sourceOf(name: string, origin = registry.origin, isTrusted = true): RegistrySource {
  const [repository = "", tag] = name.split(":");
  return { kind: "registry", origin, repository, tag, digest: undefined, isTrusted };
}

async function pull(source: RegistrySource, more: Partial<PullRequest> = {}) {
  const workDir = mkdtempSync(join(dir, "work-"));
  const layerPath = join(dir, `${workDir.slice(-6)}.erofs`);
  try {
    return await pullImage({ reference: "x", sources: [source], workDir, layerPath, ...more });
  } finally {
    expect(readdirSync(workDir)).toEqual([]);
  }
}

const push = (name: string, layers: readonly (readonly TarEntry[])[]) =>
  pushImage({ origin: registry.origin, name, layers: layers.map(tarOf) });

describe("D3 layers", () => {
  const REFUSED: Record<string, readonly TarEntry[]> = {
    "a name with ..": [{ name: "a/../../escaped", body: "x" }],
    "an absolute name": [{ name: "/escaped", body: "x" }],
    "a hard link out of the image": [{ name: "l", type: "hardlink", link: "../../etc/shadow" }],
    "a hard link to an absolute name": [{ name: "l", type: "hardlink", link: "/etc/shadow" }],
    "a device": [{ name: "sda", type: "char" }],
  };
  for (const [what, entries] of Object.entries(REFUSED)) {
    test(`refuses ${what}`, async () => {
      const name = `bad/${what.replaceAll(/[^a-z]+/g, "-").replace(/-$/, "")}:1`;
      await push(name, [[...BASE, ...entries]]);
      await expect(pull(sourceOf(name))).rejects.toMatchObject({ code: "image_refused_entry" });
    });
  }

  test("a link to a directory of the host, written through by a later layer, stays inside the image", async () => {
    const target = join(dir, "host");
    writeFileSync(join(dir, "witness"), "untouched");
    await push("bad/through:1", [
      [
        ...BASE,
        { name: "out", type: "symlink", link: dir },
        { name: "up", type: "symlink", link: "../../../../../.." },
      ],
      [
        { name: "out/witness", body: "written" },
        { name: `up${target}`, body: "written" },
      ],
    ]);
    await pull(sourceOf("bad/through:1"));
    expect(readFileSync(join(dir, "witness"), "utf8")).toBe("untouched");
    expect(existsSync(target)).toBe(false);
  });

  test("links where our own files go are replaced, not followed", async () => {
    writeFileSync(join(dir, "resolv"), "untouched");
    await push("bad/ours:1", [
      [
        ...BASE,
        { name: "dev", type: "symlink", link: dir },
        { name: "etc/resolv.conf", type: "symlink", link: join(dir, "resolv") },
      ],
    ]);
    await pull(sourceOf("bad/ours:1"));
    expect(readFileSync(join(dir, "resolv"), "utf8")).toBe("untouched");
    expect(existsSync(join(dir, "null"))).toBe(false);
  });

  test("a bomb ends at the limit, by what entries say and by what comes out", async () => {
    const small = { limits: { unpackedBytes: 1024 * 1024 } };
    await push("bad/bomb:1", [[...BASE, { name: "zeroes", body: Buffer.alloc(8 * 1024 * 1024) }]]);
    await expect(pull(sourceOf("bad/bomb:1"), small)).rejects.toMatchObject({ code: "image_too_large" });
    await push("bad/many:1", [[...BASE, ...Array.from({ length: 50 }, (_, i) => ({ name: `f${i}` }))]]);
    await expect(pull(sourceOf("bad/many:1"), { limits: { entries: 40 } })).rejects.toMatchObject({
      code: "image_too_large",
    });
  });

  test("refuses layers that are no tars, or cut off", async () => {
    await pushImage({ origin: registry.origin, name: "bad/noise:1", layers: [Buffer.alloc(4096, 7)] });
    await expect(pull(sourceOf("bad/noise:1"))).rejects.toMatchObject({ code: "image_bad_archive" });
    const whole = tarOf([...BASE, { name: "f", body: Buffer.alloc(4096, 1) }]);
    await pushImage({ origin: registry.origin, name: "bad/cut:1", layers: [whole.subarray(0, whole.length - 3000)] });
    await expect(pull(sourceOf("bad/cut:1"))).rejects.toMatchObject({ code: "image_bad_archive" });
  });
});

describe("D3 digests", () => {
  test("refuses a layer whose content is another than the configuration says", async () => {
    const wrong = `sha256:${"0".repeat(64)}`;
    await pushImage({ origin: registry.origin, name: "bad/diff:1", layers: [tarOf(BASE)], diffIds: [wrong] });
    await expect(pull(sourceOf("bad/diff:1"))).rejects.toMatchObject({ code: "image_wrong_digest" });
  });

  test("refuses what a lying registry sends in place of manifests, configurations and layers", async () => {
    await push("good/app:1", [BASE]);
    for (const part of ["manifests/sha256", "blobs"]) {
      using liar = lyingRegistry((path, body) =>
        path.includes(part) ? Buffer.concat([body, Buffer.from(" ")]) : body,
      );
      const source = sourceOf("good/app:1", liar.origin);
      const digest = part === "blobs" ? undefined : await push("good/app:1", [BASE]);
      await expect(pull({ ...source, digest })).rejects.toMatchObject({ code: "image_wrong_digest" });
    }
  });

  /** Our registry's answers, changed on the way. */
  function lyingRegistry(change: (path: string, body: Buffer) => Buffer): Disposable & { origin: string } {
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      async fetch(request) {
        const { pathname } = new URL(request.url);
        const answer = await fetch(`${registry.origin}${pathname}`, {
          headers: { accept: request.headers.get("accept") ?? "" },
        });
        const body = change(pathname, Buffer.from(await answer.arrayBuffer()));
        return new Response(new Uint8Array(body), {
          status: answer.status,
          headers: { "content-type": answer.headers.get("content-type") ?? "" },
        });
      },
    });
    return { origin: server.url.origin, [Symbol.dispose]: () => void server.stop(true) };
  }
});

describe("D3 registries", () => {
  test("are not looked for on this machine or in private networks, unless configured", async () => {
    for (const origin of [
      registry.origin.replace("http:", "https:"),
      "https://localhost:1",
      "https://169.254.169.254",
      "https://10.0.0.1",
      "https://[::1]:1",
      "https://[::ffff:127.0.0.1]:1",
    ]) {
      await expect(pull(sourceOf("x:1", origin, false))).rejects.toMatchObject({ code: "image_private_address" });
    }
  });

  test("cannot redirect to such addresses, nor without end", async () => {
    for (const to of [
      "https://169.254.169.254/latest/meta-data",
      "https://127.0.0.1:1/",
      "http://192.0.2.9/",
      "/v2/again",
    ]) {
      using server = answering(() => new Response(null, { status: 307, headers: { location: to } }));
      await expect(pull(sourceOf("x:1", server.origin))).rejects.toMatchObject({
        code: expect.stringMatching(/image_(private_address|bad_answer)/),
      });
    }
  });

  test("learn no password by redirecting us elsewhere", async () => {
    const seen: (string | null)[] = [];
    using thief = answering((request) => {
      seen.push(request.headers.get("authorization"));
      return new Response("no", { status: 404 });
    });
    using server = answering((request) =>
      request.headers.get("authorization") === null
        ? new Response(null, { status: 401, headers: { "www-authenticate": "Basic realm=x" } })
        : new Response(null, { status: 302, headers: { location: `${thief.origin}/` } }),
    );
    const credentials = { type: "registry", username: "u", password: "secret" } as const;
    await expect(pull(sourceOf("x:1", server.origin), { credentials })).rejects.toThrow();
    expect(seen.filter((header) => header !== null)).toEqual([]);
  });

  test("that answer without end are cut at the limit", async () => {
    using server = answering(
      () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(1 << 20)) })),
    );
    await expect(pull(sourceOf("x:1", server.origin))).rejects.toMatchObject({ code: "image_too_large" });
  });

  function answering(fetch: (request: Request) => Response): Disposable & { origin: string } {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch });
    return { origin: server.url.origin, [Symbol.dispose]: () => void server.stop(true) };
  }
});

test("D3 credentials go to the token server the registry names, and its token to the registry", async () => {
  const seen: string[] = [];
  await push("private/app:1", [BASE]);
  await pushBlob(registry.origin, "private/app", Buffer.from("x"));
  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    async fetch(request): Promise<Response> {
      const url = new URL(request.url);
      const authorization = request.headers.get("authorization");
      if (url.pathname === "/token") {
        seen.push(`${url.searchParams.get("scope")} ${authorization}`);
        return Response.json({ token: "abc" });
      }
      if (authorization !== "Bearer abc") {
        const realm = `Bearer realm="${url.origin}/token",service="s",scope="repository:private/app:pull"`;
        return new Response(null, { status: 401, headers: { "www-authenticate": realm } });
      }
      const answer = await fetch(`${registry.origin}${url.pathname}`, {
        headers: { accept: request.headers.get("accept") ?? "" },
      });
      return new Response(await answer.arrayBuffer(), {
        status: answer.status,
        headers: { "content-type": answer.headers.get("content-type") ?? "" },
      });
    },
  });
  try {
    const credentials = { type: "gcp", serviceAccountJson: '{"a":1}' } as const;
    await pull(sourceOf("private/app:1", server.url.origin), { credentials });
    expect(seen).toEqual([`repository:private/app:pull Basic ${Buffer.from('_json_key:{"a":1}').toString("base64")}`]);
  } finally {
    void server.stop(true);
  }
});
