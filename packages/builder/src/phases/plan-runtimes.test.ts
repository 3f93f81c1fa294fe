import { describe, expect, it } from "bun:test";
import { isFault } from "@sandlot/faults";
import { chooseRuntimes } from "./plan-runtimes";

const all = undefined;

describe(chooseRuntimes, () => {
  it("does the steps in a container where one is wanted, and makes the rest from its disk", () => {
    expect(chooseRuntimes({ wanted: [], offered: ["qemu", "container"], possible: all })).toEqual({
      bench: "container",
      others: ["qemu"],
      leftOut: [],
    });
    expect(chooseRuntimes({ wanted: ["container"], offered: ["container", "qemu"], possible: all }).others).toEqual([]);
  });

  it("keeps steps out of containers where none is wanted: their disk is that runtime's alone", () => {
    const only = { bench: "qemu", others: [], leftOut: [] } as const;
    expect(chooseRuntimes({ wanted: ["qemu"], offered: ["container", "qemu"], possible: all })).toEqual(only);
    expect(chooseRuntimes({ wanted: [], offered: ["qemu"], possible: all })).toEqual(only);
    expect(chooseRuntimes({ wanted: [], offered: ["qemu", "firecracker"], possible: all }).leftOut).toEqual([
      "firecracker",
    ]);
  });

  it("stays where a parent's disk belongs", () => {
    expect(chooseRuntimes({ wanted: [], offered: ["container", "qemu"], possible: ["qemu"] }).bench).toBe("qemu");
  });

  it("refuses what is not offered, or not possible", () => {
    for (const of of [
      { wanted: ["firecracker"], offered: ["container", "qemu"], possible: all },
      { wanted: ["container"], offered: ["container", "qemu"], possible: ["qemu"] },
      { wanted: [], offered: ["container"], possible: ["qemu"] },
    ] as const) {
      let thrown: unknown;
      try {
        chooseRuntimes(of);
      } catch (fault) {
        thrown = fault;
      }
      expect(isFault(thrown, "build_runtime_missing")).toBe(true);
    }
  });
});
