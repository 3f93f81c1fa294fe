import { describe, expect, test } from "bun:test";
import { formatReference, parseReference } from "./reference";

describe(parseReference, () => {
  const D = `sha256:${"a".repeat(64)}`;
  const FINE: Record<string, string> = {
    ubuntu: "docker.io/library/ubuntu:latest",
    "ubuntu:22.04": "docker.io/library/ubuntu:22.04",
    "e2bdev/base": "docker.io/e2bdev/base:latest",
    "index.docker.io/a/b": "docker.io/a/b:latest",
    "localhost:5000/x/y:1": "localhost:5000/x/y:1",
    "ghcr.io/a/b/c:v1.0": "ghcr.io/a/b/c:v1.0",
    [`debian@${D}`]: `docker.io/library/debian@${D}`,
    [`r.example:443/a:t@${D}`]: `r.example:443/a:t@${D}`,
  };
  for (const [text, whole] of Object.entries(FINE)) {
    test(`reads ${text.slice(0, 40)}`, () => expect(formatReference(parseReference(text))).toBe(whole));
  }

  for (const text of [
    "",
    "Ubuntu",
    "a//b",
    "a:b:c",
    "a/../b",
    "x@sha256:12",
    "a b",
    "ho st/a",
    "a:-",
    `${"a".repeat(600)}`,
  ]) {
    test(`refuses '${text.slice(0, 20)}'`, () => expect(() => parseReference(text)).toThrow(/does not name an image/));
  }
});
