import { describe, expect, it } from "bun:test";
import { limits } from "./limits";
import { openSignerFinder, readSignedUrl } from "./signed-url";

const SIGNATURE = `v1_${"a/+".repeat(14)}a`;
const TARGET = `/files?path=%2Fa%20b&username=user&signature=${encodeURIComponent(SIGNATURE)}&signature_expiration=17`;

describe(readSignedUrl, () => {
  it("reads what was signed", () => {
    expect(readSignedUrl({ method: "GET", target: TARGET })).toEqual({
      ...{ path: "/a b", operation: "read", username: "user", signature: SIGNATURE, expiration: "17" },
    });
    expect(readSignedUrl({ method: "POST", target: TARGET })?.operation).toBe("write");
  });

  it("leaves other requests alone", () => {
    for (const target of ["/files?path=a", "/x?signature=v1_a", "*", "/files?signature=v1_short"]) {
      expect(readSignedUrl({ method: "GET", target })).toBeUndefined();
    }
  });
});

describe(openSignerFinder, () => {
  it("asks once per signature, and not too often", async () => {
    let asked = 0;
    let nowMs = 0;
    const find = openSignerFinder({
      clock: { nowMs: () => nowMs, after: () => ({ [Symbol.dispose]: () => undefined }) },
      client: {
        async findSigner({ path }) {
          asked += 1;
          if (path === "none") throw new Error("none");
          return { sandboxId: "i1" } as never;
        },
      },
    });
    const url = readSignedUrl({ method: "GET", target: TARGET });
    if (url === undefined) throw new Error("not read");
    expect([await find(url), await find(url), asked]).toEqual(["i1", "i1", 1]);
    for (let left = limits.signersBurst - 1; left > 0; left -= 1)
      expect(await find({ ...url, path: "none" })).toBe("unknown");
    expect(await find({ ...url, path: "none" })).toBe("too_often");
    expect(await find(url)).toBe("i1");
    nowMs += 1_000;
    expect(await find({ ...url, path: "none" })).toBe("unknown");
  });
});
