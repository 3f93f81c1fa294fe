import { expect, it } from "bun:test";
import { requireTrees } from "./layers";

it("refuses a microVM's disk by its name, and takes trees", () => {
  requireTrees([
    { kind: "erofs", path: "/layers/a.erofs" },
    { kind: "directory", path: "/base" },
  ]);
  const layers = [
    { kind: "qcow2", path: "/layers/b.qcow2" },
    { kind: "erofs", path: "/layers/a.erofs" },
  ] as const;
  expect(() => requireTrees(layers)).toThrow(
    "the container runtime cannot start this build: its layer 'b.qcow2' is a microVM's disk",
  );
});
