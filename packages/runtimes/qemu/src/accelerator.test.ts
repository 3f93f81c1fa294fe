import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AcceleratorChoice } from "./accelerator";

const ABOUT = { hostBootId: "b1", qemuVersion: "7.2.22", kernel: "6.1.0" };

describe(AcceleratorChoice, () => {
  let dir: string;
  let trials: number;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "accelerator-"));
    trials = 0;
  });
  afterEach(() => rm(dir, { recursive: true }));

  function choice(
    works: boolean,
    more: { wanted?: "auto" | "kvm" | "tcg"; about?: typeof ABOUT } = {},
  ): AcceleratorChoice {
    const { wanted = "auto", about = ABOUT } = more;
    const trial = async (): Promise<void> => {
      trials += 1;
      if (!works) throw new Error("it hangs");
    };
    return new AcceleratorChoice({ notePath: join(dir, "note.json"), devicePath: dir, wanted, about, trial });
  }

  it("takes KVM when a machine boots on it, else software with the reason, and asks once", async () => {
    const good = choice(true);
    expect(await Promise.all([good.chosen(), good.chosen()])).toEqual([
      { acceleration: "kvm" },
      { acceleration: "kvm" },
    ]);
    expect(trials).toBe(1);
    await rm(join(dir, "note.json"));
    expect(await choice(false).chosen()).toEqual({ acceleration: "tcg", problem: expect.stringContaining("it hangs") });
  });

  it("remembers until the host boots anew, or QEMU or the guest's kernel is another", async () => {
    const first = await choice(false).chosen();
    expect(await choice(true).chosen()).toEqual(first);
    expect(trials).toBe(1);
    for (const change of [{ hostBootId: "b2" }, { qemuVersion: "8" }, { kernel: "6.2" }])
      expect(await choice(true, { about: { ...ABOUT, ...change } }).chosen()).toEqual({ acceleration: "kvm" });
    expect(trials).toBe(4);
  });

  it("believes a note no further than its words, and an operator at once", async () => {
    for (const text of ["", "{", '{"acceleration":"magic"}', JSON.stringify({ ...ABOUT, acceleration: "magic" })]) {
      await Bun.write(join(dir, "note.json"), text);
      expect(await choice(true).chosen()).toEqual({ acceleration: "kvm" });
    }
    expect(await choice(false, { wanted: "kvm" }).chosen()).toEqual({ acceleration: "kvm" });
    expect(trials).toBe(4);
    expect(existsSync(join(dir, "note.json"))).toBe(true);
  });
});
