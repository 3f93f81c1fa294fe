import { describe, expect, it } from "bun:test";
import type { RuntimeName } from "@sandlot/domain";
import { isFault } from "@sandlot/faults";
import { silentLogger } from "@sandlot/telemetry";
import { FakeRuntime } from "../../test/fakes/runtime";
import { tempNode } from "../../test/fakes/temp-node";
import { nodeFaults } from "../faults";
import { startRuntimes } from "./start-runtimes";

function opener(of: { usable?: boolean; acceleration?: "kvm" | "tcg"; missing?: RuntimeName[] }) {
  return async (name: RuntimeName) => {
    if (of.missing?.includes(name)) throw nodeFaults.runtime_unusable({ runtime: name, problems: "not installed" });
    const made = new FakeRuntime(name);
    if (of.acceleration !== undefined) Object.assign(made, { facts: { acceleration: of.acceleration } });
    made.probe = async () => ({
      usable: of.usable ?? true,
      problems: of.usable === false ? ["it hangs"] : [],
      notes: [],
    });
    return made;
  };
}

async function chosen(runtimes: "auto" | readonly RuntimeName[], of: Parameters<typeof opener>[0], hasKvm = true) {
  using temp = tempNode();
  const parts = { open: opener(of), hasKvm: () => hasKvm };
  await using started = await startRuntimes({ ...temp.config, runtimes }, silentLogger, parts);
  return { names: started.runtimes.names, notes: started.runtimes.notes.join(" ") };
}

describe(startRuntimes, () => {
  it("takes those that are named, in their order, and refuses to go without one of them", async () => {
    expect((await chosen(["qemu", "container"], {})).names).toEqual(["qemu", "container"]);
    const thrown = await chosen(["container", "qemu"], { missing: ["qemu"] }).catch((fault) => fault);
    expect(isFault(thrown, "node_runtime_unusable")).toBe(true);
  });

  it("adds microVMs by itself only where the processor runs them, and says why or why not", async () => {
    expect(await chosen("auto", { acceleration: "kvm" })).toMatchObject({ names: ["container", "qemu"] });
    const without = [
      [await chosen("auto", { acceleration: "kvm" }, false), "no /dev/kvm"],
      [await chosen("auto", { acceleration: "tcg" }), "no guest boots on /dev/kvm"],
      [await chosen("auto", { usable: false }), "it hangs"],
      [await chosen("auto", { missing: ["qemu"] }), "not installed"],
    ] as const;
    for (const [{ names, notes }, why] of without) {
      expect(names).toEqual(["container"]);
      expect(notes).toContain(why);
    }
  });
});
