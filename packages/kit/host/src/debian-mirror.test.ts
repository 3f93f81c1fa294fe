import { expect, test } from "bun:test";
import { archiveUris, debianMirror, debianSources } from "./debian-mirror";

const DEB822 = "Types: deb\nURIs: https://mirror.example/debian/\nSuites: trixie trixie-updates\n";
const LINES =
  "deb [signed-by=/x.gpg] http://sec.example/debian-security trixie-security main\n# deb http://no.example/debian x main\n";

test("uses the host's own mirrors, whatever suite the host runs", () => {
  expect(debianSources("bookworm", [DEB822, LINES])).toEqual([
    "deb https://mirror.example/debian bookworm main",
    "deb https://mirror.example/debian bookworm-updates main",
    "deb http://sec.example/debian-security bookworm-security main",
  ]);
});

test("without a mirror of the security archive, goes without its line", () => {
  expect(debianSources("bookworm", [DEB822])).toHaveLength(2);
});

test("on a host without a mirror of Debian, leaves the choice to mmdebstrap", () => {
  const ubuntu = "URIs: http://mirror.example/ubuntu\nSuites: noble\n";
  expect(debianSources("bookworm", [ubuntu])).toEqual([]);
});

test("knows the host's mirror of Debian, and all archives of its apt", () => {
  expect(debianMirror([LINES, DEB822])).toBe("https://mirror.example/debian");
  expect(debianMirror(["URIs: http://mirror.example/ubuntu\n"])).toBeUndefined();
  expect(archiveUris([LINES, DEB822])).toEqual(["http://sec.example/debian-security", "https://mirror.example/debian"]);
});
