import { expect, test } from "bun:test";
import { resolvePath } from "./paths";

const at = (path: string, defaultWorkdir?: string): string => resolvePath({ path, home: "/home/user", defaultWorkdir });

test("resolvePath follows the wire rule case by case", () => {
  expect(at("")).toBe("");
  expect(at("", "/code")).toBe("/code");
  expect(at("~")).toBe("/home/user");
  expect(at("~/a/../b")).toBe("/home/user/b");
  expect(at("~\\x")).toBe("/home/user/x");
  expect(at("/a/../b/")).toBe("/a/../b/");
  expect(at("a//b/", "/code")).toBe("/home/user/a/b");
  expect(at("../..")).toBe("/");
  expect(() => at("~other/x")).toThrow("cannot expand user-specific home dir");
});
