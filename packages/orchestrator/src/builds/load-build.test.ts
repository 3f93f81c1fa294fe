import { describe, expect, it } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isFault } from "@sandlot/faults";
import { BUILD, LAYER, tempNode } from "../../test/fakes/temp-node";
import { loadBuild } from "./load-build";

const signal = new AbortController().signal;

describe(loadBuild, () => {
  it("says in the wire's words that files are missing when the record, a layer, or a sane id is", async () => {
    using node = tempNode();
    await using store = await node.openArtifacts();
    const codes = (buildId: string) => loadBuild(store, buildId, signal).catch((t) => isFault(t) && t.code);
    for (const buildId of ["nope", "../builds", "", "a/b"]) expect(await codes(buildId)).toBe("node_files_missing");
    expect(await loadBuild(store, BUILD, signal)).toMatchObject({ manifest: { user: "user", workdir: "/home/user" } });
    rmSync(join(node.dir, `artifacts/layers/${LAYER}.erofs`));
    expect(await codes(BUILD)).toBe("node_files_missing");
  });

  it("says that a record it does not understand is broken", async () => {
    using node = tempNode();
    await using store = await node.openArtifacts();
    writeFileSync(join(node.dir, "artifacts/builds", BUILD, "build.json"), "{");
    const thrown = await loadBuild(store, BUILD, signal).catch((t) => t);
    expect(isFault(thrown, "node_build_broken")).toBe(true);
  });
});
