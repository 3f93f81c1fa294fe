import { expect, test } from "bun:test";
import { findProblem, type HostFacts } from "./fitness";

const DEBIAN: HostFacts = {
  uid: 0,
  arch: "x64",
  kernel: "6.1.0-28-amd64",
  osRelease: 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n',
  filesystems: "nodev\toverlay\n\text4\n\terofs\n",
  hasUserNamespaces: true,
  hasLoopControl: true,
};

test("a current Debian or a kin of it will do", () => {
  expect(findProblem(DEBIAN)).toBeUndefined();
  expect(findProblem({ ...DEBIAN, osRelease: 'ID=pop\nID_LIKE="ubuntu debian"\n', kernel: "5.19.0" })).toBeUndefined();
});

test.each([
  [{ uid: 1000 }, "root"],
  [{ arch: "ia32" }, "ia32"],
  [{ osRelease: 'PRETTY_NAME="Fedora Linux 41"\nID=fedora\n' }, "Fedora Linux 41"],
  [{ osRelease: "" }, "unknown distribution"],
  [{ kernel: "5.15.0-100-generic" }, "5.15.0-100-generic"],
  [{ kernel: "4.19.0" }, "5.19"],
  [{ hasUserNamespaces: false }, "user namespaces"],
  [{ hasLoopControl: false }, "loop"],
  [{ filesystems: "nodev\toverlay\n" }, "erofs"],
  [{ filesystems: "\terofs\n" }, "overlay"],
] as const)("says in one line what is missing: %o", (change, word) => {
  const problem = findProblem({ ...DEBIAN, ...change });
  expect(problem).toContain(word);
  expect(problem).not.toContain("\n");
});
