import { describe, expect, it } from "bun:test";
import { cleanPath, isInternalRoute } from "./internal-routes";

describe(isInternalRoute, () => {
  it("knows the node's routes however they are written", () => {
    const targets = [
      "/init",
      "//init",
      "/./init",
      "/x/../init",
      "/%69nit",
      "/init/",
      "/init?x=1",
      "/init#x",
      "/init%3Fx",
      "/..//init",
      "/%2e%2e/init",
      "/x/%2E./init",
      "/%2finit",
      "\\init",
      "/\\init",
      "/x\\..\\init",
      "/freeze",
      "/unfreeze",
      "/collapse",
      "/fsfreeze",
      "/fsthaw",
      "/upgrade",
    ];
    for (const target of targets) expect([target, isInternalRoute(target)]).toEqual([target, true]);
  });
  it("lets everything else pass", () => {
    for (const target of ["/", "/health", "/files?path=/init", "/initial", "/x/init", "/%2569nit", "/init/x", "*"]) {
      expect([target, isInternalRoute(target)]).toEqual([target, false]);
    }
  });
});

describe(cleanPath, () => {
  it("says what was asked for", () => {
    expect(cleanPath("//a/./b/../%63/?q")).toBe("/a/c");
    expect(cleanPath("/../..")).toBe("/");
  });
});
