import { describe, expect, it } from "bun:test";
import { judge } from "./transitions";

describe(judge, () => {
  it("begins from running", () => {
    for (const event of ["pause", "kill", "snapshot"] as const)
      expect(judge("running", undefined, event)).toBe("begin");
  });
  it("joins the same event, but never a snapshot", () => {
    expect(judge("pausing", "pause", "pause")).toBe("join");
    expect(judge("killing", "kill", "kill")).toBe("join");
    expect(judge("snapshotting", "snapshot", "snapshot")).toBe("refuse");
  });
  it("waits where the table allows the move", () => {
    expect(judge("snapshotting", "snapshot", "kill")).toBe("wait");
    expect(judge("snapshotting", "snapshot", "pause")).toBe("wait");
    expect(judge("pausing", "pause", "kill")).toBe("wait");
  });
  it("refuses the rest", () => {
    expect(judge("killing", "kill", "pause")).toBe("refuse");
    expect(judge("pausing", "pause", "snapshot")).toBe("refuse");
    expect(judge("pausing", undefined, "snapshot")).toBe("refuse");
  });
  it("begins orphaned work again, and lets a kill end it", () => {
    expect(judge("pausing", undefined, "pause")).toBe("begin");
    expect(judge("snapshotting", undefined, "snapshot")).toBe("begin");
    expect(judge("pausing", undefined, "kill")).toBe("begin");
  });
});
