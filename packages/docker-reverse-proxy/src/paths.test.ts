import { describe, expect, test } from "bun:test";
import { clientLocation, parsePath, parseScope, passedQuery } from "./paths";

describe(parsePath, () => {
  test("knows the repository of a template and what is asked of it", () => {
    expect(parsePath("/v2/e2b/custom-envs/abc123/blobs/uploads/")).toEqual({
      templateId: "abc123",
      rest: "blobs/uploads/",
    });
    expect(parsePath("/v2/e2b/custom-envs/abc/manifests/0b-1.x")).toMatchObject({ rest: "manifests/0b-1.x" });
    expect(parsePath("/v2/e2b/custom-envs/abc/blobs/uploads/1f0-AB_c=")).toBeDefined();
  });

  for (const path of [
    "/v2/e2b/custom-envs/abc/../def/manifests/x",
    "/v2/e2b/custom-envs/abc%2f..%2fdef/manifests/x",
    "/v2/e2b/custom-envs/abc/def/manifests/x",
    "/v2/e2b/custom-envs/abc/manifests/..",
    "/v2/e2b/custom-envs/abc/blobs/uploads/..",
    "/v2/e2b/custom-envs//manifests/x",
    "/v2/_catalog",
    "/v2/other/abc/manifests/x",
    "/v2/e2b/custom-envs/abc/blobs/sha256:12",
  ]) {
    test(`refuses ${path}`, () => expect(parsePath(path)).toBeUndefined());
  }
});

test("reads scopes of one template only", () => {
  expect(parseScope("repository:e2b/custom-envs/abc:pull,push")).toEqual({
    templateId: "abc",
    actions: ["pull", "push"],
  });
  for (const scope of [
    "repository:e2b/custom-envs/:pull",
    "repository:x/abc:pull",
    "registry:catalog:*",
    "repository:e2b/custom-envs/a/b:pull",
  ]) {
    expect(parseScope(scope)).toBeUndefined();
  }
});

test("passes no mount on: it would take layers out of other repositories", () => {
  expect(passedQuery(new URLSearchParams("mount=sha256:1&from=e2b/custom-envs/other&digest=x"))).toBe("?digest=x");
  expect(passedQuery(new URLSearchParams("from=a&mount=b"))).toBe("");
});

test("sends clients on in their own words", () => {
  const of = { registryUrl: "http://127.0.0.1:5006", repositoryPrefix: "team/repo" };
  expect(clientLocation("http://127.0.0.1:5006/v2/team/repo/abc/blobs/uploads/1?_state=x", of)).toBe(
    "/v2/e2b/custom-envs/abc/blobs/uploads/1?_state=x",
  );
  expect(clientLocation("/artifacts-uploads/namespaces/p/repositories/r/uploads/1", of)).toBe(
    "/artifacts-uploads/namespaces/p/repositories/r/uploads/1",
  );
  expect(clientLocation("https://bucket.example/signed?x=1", of)).toBe("https://bucket.example/signed?x=1");
});
