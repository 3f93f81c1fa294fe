import { describe, expect, it } from "bun:test";
import { childPath, WatchedTree } from "./watched-tree";

describe(WatchedTree, () => {
  it("moves a directory with all below it, and nothing beside it", () => {
    const tree = new WatchedTree();
    for (const [watch, path] of [
      [1, ""],
      [2, "a"],
      [3, "a/b"],
      [4, "ab"],
    ] as const)
      tree.set(watch, path);
    const pruned = tree.prune("a");
    expect([tree.pathOf(2), tree.pathOf(3), tree.pathOf(4), tree.size]).toEqual([undefined, undefined, "ab", 2]);
    tree.graft(pruned, "c/d");
    expect([tree.pathOf(2), tree.pathOf(3)]).toEqual(["c/d", "c/d/b"]);
  });

  it("knows one path per watch and forgets a watch whose path another has taken", () => {
    const tree = new WatchedTree();
    tree.set(1, "a");
    tree.set(1, "b");
    tree.set(2, "b");
    tree.delete(1);
    expect([tree.pathOf(1), tree.pathOf(2), tree.size]).toEqual([undefined, "b", 1]);
  });

  it("keeps every byte of a name", () => {
    const name = Buffer.from([0x61, 0xff]);
    expect(Buffer.from(childPath("d", name), "latin1")).toEqual(Buffer.concat([Buffer.from("d/"), name]));
  });
});
