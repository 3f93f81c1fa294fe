import { describe, expect, test } from "bun:test";
import { imageSources, parseMirrors } from "./mirrors";

const RULES = parseMirrors([
  "e2bdev/base=template:base",
  "debian:bookworm=debian-archive:bookworm",
  "docker.io/=http://127.0.0.1:5000/hub/",
  "ghcr.io/a/b=https://mirror.example/x/b",
]);

describe(imageSources, () => {
  test("asks the rules in their order, then the registry of the name", () => {
    expect(imageSources("ubuntu:22.04", RULES)).toEqual([
      {
        kind: "registry",
        origin: "http://127.0.0.1:5000",
        repository: "hub/library/ubuntu",
        tag: "22.04",
        digest: undefined,
        isTrusted: true,
      },
      {
        kind: "registry",
        origin: "https://registry-1.docker.io",
        repository: "library/ubuntu",
        tag: "22.04",
        digest: undefined,
        isTrusted: false,
      },
    ]);
  });

  test("maps names to templates and to Debian's archive", () => {
    expect(imageSources("e2bdev/base:latest", RULES)[0]).toEqual({ kind: "template", name: "base" });
    expect(imageSources("debian:bookworm", RULES)[0]).toEqual({ kind: "debian", suite: "bookworm" });
    expect(imageSources("ghcr.io/a/b:1", RULES)[0]).toMatchObject({
      origin: "https://mirror.example",
      repository: "x/b",
      tag: "1",
    });
    expect(imageSources("ghcr.io/a/bc:1", RULES)[0]).toMatchObject({ origin: "https://ghcr.io" });
  });

  test("has Debian's archive as the last resort for Docker Hub's Debian, not for one by digest", () => {
    expect(imageSources("debian:12-slim", []).at(-1)).toEqual({ kind: "debian", suite: "bookworm" });
    expect(imageSources(`debian@sha256:${"0".repeat(64)}`, []).map((source) => source.kind)).toEqual(["registry"]);
  });

  test("says what is wrong with a rule", () => {
    for (const rule of ["x", "=y", "a=ftp://x", "a=debian-archive:"])
      expect(() => parseMirrors([rule])).toThrow(/mirror rule/);
  });
});
