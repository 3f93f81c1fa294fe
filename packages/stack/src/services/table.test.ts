import { expect, test } from "bun:test";
import { resolveSettings } from "../settings";
import { type ServiceInputs, serviceSpecs } from "./table";

function specsAt(host: string, more: { runtime?: string; guestKernelDir?: string } = {}) {
  const inputs: ServiceInputs = {
    settings: resolveSettings({ dataDir: "/nowhere/sandlot", host, runtime: more.runtime }, () => "10.12.0.0/16"),
    secrets: {
      apiKey: "k",
      accessToken: "a",
      adminToken: "a",
      tokenSeed: "s",
      secretsKey: "k",
      nodeToken: "n",
      postgresPassword: "p",
      redisPassword: "r",
    },
    baseBuildId: "b",
    guestLayer: "/nowhere/sandlot/artifacts/guest/1",
    guestProxies: { http: "", https: "", none: "" },
    hasGuestCa: false,
    hasLxcfs: false,
    criuPath: undefined,
    guestKernelDir: more.guestKernelDir,
    storageEnv: {},
  };
  return serviceSpecs(inputs);
}

test("a host for everyone opens the API, the proxy and docker push, and nothing else", () => {
  const hosts = specsAt("0.0.0.0").map(({ name, env }) => [
    name,
    Object.fromEntries(Object.entries(env).filter(([key]) => key.endsWith("LISTEN_HOST"))),
  ]);
  expect(Object.fromEntries(hosts)).toEqual({
    orchestrator: { LISTEN_HOST: "127.0.0.1" },
    api: { LISTEN_HOST: "0.0.0.0", INTERNAL_LISTEN_HOST: "127.0.0.1" },
    "client-proxy": { LISTEN_HOST: "0.0.0.0", HEALTH_LISTEN_HOST: "127.0.0.1" },
    registry: {},
    "docker-reverse-proxy": { LISTEN_HOST: "0.0.0.0" },
  });
});

test("health is asked where it listens", () => {
  for (const { health } of specsAt("0.0.0.0")) expect(health.host).toBe("127.0.0.1");
});

test("the first of the runtimes is kept warm, and virtual machines get their kernel", () => {
  const nodeEnv = (...of: Parameters<typeof specsAt>) => specsAt(...of)[0]?.env ?? {};
  expect(nodeEnv("127.0.0.1")).toMatchObject({ RUNTIMES: "container", WARM_BUILDS: "b:2:1024:10240:container" });
  expect(nodeEnv("127.0.0.1").GUEST_KERNEL_DIR).toBeUndefined();
  const both = nodeEnv("127.0.0.1", { runtime: "qemu,container", guestKernelDir: "/k" });
  expect(both).toMatchObject({
    RUNTIMES: "qemu,container",
    WARM_BUILDS: "b:2:1024:10240:qemu",
    GUEST_KERNEL_DIR: "/k",
  });
});
