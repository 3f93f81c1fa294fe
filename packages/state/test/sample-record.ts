import type { SandboxRecord } from "../src/index";

export function sampleRecord(of: Partial<SandboxRecord> = {}): SandboxRecord {
  return {
    sandboxId: "i1a2b3c4d5e6f7g8h9j0k",
    teamId: "5f0c2f52-5a0e-4f2e-9f4c-1f6a4f5f6a10",
    templateId: "base",
    buildId: "b-1",
    executionId: "e-1",
    nodeId: "node-1",
    nodeIp: "127.0.0.1",
    state: "running",
    startedAtMs: 1_000,
    endsAtMs: 301_000,
    maxLengthHours: 24,
    metadata: {},
    cpuCount: 2,
    memoryMiB: 1024,
    diskMiB: 10_240,
    envdVersion: "0.6.13",
    allowInternetAccess: null,
    network: { allowOut: [], denyOut: [] },
    autoPause: false,
    autoPauseMemory: true,
    autoResume: false,
    ...of,
  };
}
