import { describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import {
  SandboxConfigSchema,
  SandboxNetworkConfigSchema,
  SandboxNetworkDomainRulesSchema,
} from "@sandlot/contracts/orchestrator";
import { initBodyFor, metadataFor } from "./init-body";

const NO_PROXY = { http: undefined, https: undefined, none: undefined };

describe(initBodyFor, () => {
  it("hands on identity, and the node's own proxy and certificates", () => {
    const config = create(SandboxConfigSchema, {
      sandboxId: "i1",
      templateId: "t2",
      baseTemplateId: "t1",
      executionId: "x",
      envdAccessToken: "secret",
      buildId: "b",
      envVars: { COLOUR: "blue" },
    });
    const body = initBodyFor({
      config,
      defaults: { caBundle: "PEM", egressCa: "CA", proxy: { http: "http://p:1", https: undefined, none: "localhost" } },
      defaultUser: "user",
      defaultWorkdir: "/home/user",
      nowMs: 0,
    });
    expect(body).toEqual({
      timestamp: "1970-01-01T00:00:00.000Z",
      accessToken: "secret",
      envVars: { COLOUR: "blue" },
      proxy: { http: "http://p:1", no: "localhost" },
      buildId: "b",
      defaultUser: "user",
      defaultWorkdir: "/home/user",
      caBundle: "PEM",
      lifecycleID: "x",
      sandboxId: "i1",
      templateId: "t1",
      hostname: "i1",
    });
  });

  it("has only guests with header rules trust the egress authority", () => {
    const rules = { "api.test": create(SandboxNetworkDomainRulesSchema) };
    const config = create(SandboxConfigSchema, { sandboxId: "i1" });
    const ruled = { ...config, network: create(SandboxNetworkConfigSchema, { egress: { rules } }) };
    const of = { defaultUser: "user", defaultWorkdir: "/", nowMs: 0 };
    const caOf = (one: typeof config, caBundle: string | undefined) =>
      initBodyFor({ config: one, defaults: { caBundle, egressCa: "CA", proxy: NO_PROXY }, ...of }).caBundle;
    expect([caOf(config, "PEM"), caOf(ruled, "PEM"), caOf(ruled, undefined)]).toEqual(["PEM", "PEM\nCA", "CA"]);
  });

  it("installs no token when the sandbox has none", () => {
    const config = create(SandboxConfigSchema, { sandboxId: "i1" });
    const defaults = { caBundle: undefined, egressCa: "CA", proxy: NO_PROXY };
    const body = initBodyFor({ config, defaults, defaultUser: "user", defaultWorkdir: "/", nowMs: 0 });
    expect(body).not.toHaveProperty("accessToken");
    expect(body).not.toHaveProperty("caBundle");
    expect(body).not.toHaveProperty("proxy");
    expect(body.envVars).toEqual({});
  });
});

describe(metadataFor, () => {
  it("tells who it is, and the hash of its token and not the token", () => {
    const config = create(SandboxConfigSchema, { sandboxId: "i1", templateId: "t1", envdAccessToken: "abc" });
    const told = metadataFor(config);
    expect(told).toMatchObject({ instanceID: "i1", envID: "t1" });
    expect(told.accessTokenHash).toStartWith("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea2");
    expect(JSON.stringify(told)).not.toContain('"abc"');
    const open = metadataFor(create(SandboxConfigSchema, { sandboxId: "i1" }));
    expect(open.accessTokenHash).toStartWith("cf83e1357eefb8bd");
  });
});
