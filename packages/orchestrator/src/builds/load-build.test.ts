import { describe, expect, it } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { BUILD, tempNode } from "../../test/fakes";
import { loadBuild } from "./load-build";

describe(loadBuild, () => {
  it("gives the layers as paths, newest first, and what sandboxes start with", async () => {
    using node = tempNode();
    const build = await loadBuild(node.config, BUILD);
    expect(build.sealed.layers).toEqual([{ kind: "erofs", path: join(node.dir, "artifacts/layers/abc.erofs") }]);
    expect(build).toMatchObject({ defaultUser: "user", defaultWorkdir: "/home/user" });
  });

  it("says files are missing when the record, a layer, or a sane id is", async () => {
    using node = tempNode();
    for (const buildId of ["nope", "../builds", "", "a/b"]) {
      const thrown = await loadBuild(node.config, buildId).catch((t) => t);
      expect(isFault(thrown, "node_files_missing")).toBe(true);
    }
    rmSync(join(node.dir, "artifacts/layers/abc.erofs"));
    expect(isFault(await loadBuild(node.config, BUILD).catch((t) => t), "node_files_missing")).toBe(true);
  });

  it("refuses a record it does not understand, and layers outside of the store", async () => {
    using node = tempNode();
    const path = join(node.dir, "artifacts/builds", BUILD, "build.json");
    for (const text of [
      "{",
      "null",
      '{"version":2}',
      '{"version":1,"layers":[]}',
      '{"version":1,"layers":["../../etc"]}',
    ]) {
      writeFileSync(path, text);
      expect(isFault(await loadBuild(node.config, BUILD).catch((t) => t), "node_build_broken")).toBe(true);
    }
  });
});
