/** A node's own directory and configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@sandlot/config";
import type { Runtime } from "@sandlot/runtime-contract";
import { type ArtifactStore, openArtifactStore } from "@sandlot/storage";
import type { OrchestratorConfig } from "../../src/config";
import { FakeRuntime } from "./runtime";

/** Of no bytes. */
export const LAYER = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
export const BUILD = "11111111-1111-4111-8111-111111111111";

/** A data directory with one sealed build in it. */
export function tempNode(): Disposable & {
  config: OrchestratorConfig;
  dir: string;
  openArtifacts: () => Promise<ArtifactStore>;
  runtime: (name?: Runtime["name"]) => FakeRuntime;
} {
  const dir = mkdtempSync(join(tmpdir(), "sandlot-node-"));
  mkdirSync(join(dir, "artifacts/builds", BUILD), { recursive: true });
  mkdirSync(join(dir, "artifacts/layers"), { recursive: true });
  mkdirSync(join(dir, "artifacts/guest/now"), { recursive: true });
  writeFileSync(join(dir, `artifacts/layers/${LAYER}.erofs`), "");
  writeFileSync(
    join(dir, "artifacts/builds", BUILD, "build.json"),
    JSON.stringify({
      version: 1,
      buildId: BUILD,
      layers: [`layers/${LAYER}.erofs`],
      user: "user",
      workdir: "/home/user",
      envdVersion: "0.6.13",
    }),
  );
  const config: OrchestratorConfig = {
    listenHost: "127.0.0.1",
    grpcPort: 0,
    proxyPort: 0,
    nodeId: "node1",
    nodeIp: "127.0.0.1",
    basePath: join(dir, "node"),
    artifactsPath: join(dir, "artifacts"),
    guestLayerDir: join(dir, "artifacts/guest/now"),
    launcherPath: "/nowhere",
    installationTag: "test",
    slotCidr: "10.12.0.0/16",
    slotPoolSize: 0,
    upperPoolSize: 0,
    warmPoolSize: 0,
    warmBuilds: [],
    resumeCacheSize: 8,
    maxSandboxes: 200,
    connectionsPerSandbox: 4_096,
    dnsUpstreams: [],
    guestCaFile: undefined,
    guestProxy: { http: undefined, https: undefined, none: undefined },
    storage: {
      templates: undefined,
      buildCache: { kind: "local", directory: join(dir, "build-cache") },
    },
    egress: {
      authorityFile: join(dir, "egress-ca.pem"),
      controlAddress: undefined,
      nodeToken: new Secret(""),
      allowsPlainHttpRules: false,
      throttle: { flows: 8192, newFlowsPerSecond: 0, kibPerSecond: 0 },
    },
    criuPath: undefined,
    lxcfsDir: undefined,
    diskReserveMiB: 0,
    runtimes: ["container"],
    microVm: undefined,
    firecrackerVersionsFile: "/nowhere",
    runtimeForce: [],
    logLevel: "silent",
    crashAt: undefined,
    services: ["orchestrator"],
    buildsAtOnce: 1,
    imageMirrors: [],
  };
  const runtime = (name?: Runtime["name"]): FakeRuntime => {
    const made = new FakeRuntime(name);
    made.guestLayerDir = config.guestLayerDir;
    return made;
  };
  const openArtifacts = () =>
    openArtifactStore({ directory: config.artifactsPath, nowMs: () => Date.now() + 3_600_000 });
  return { config, dir, openArtifacts, runtime, [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }) };
}
