/** What the API asks a node for. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type SandboxConfigSchema, SandboxCreateRequestSchema } from "@sandlot/contracts/orchestrator";
import { BUILD } from "./temp-node";

export function createRequest(
  sandboxId: string,
  change: MessageInitShape<typeof SandboxConfigSchema> = {},
  more: { filesystemBoot?: boolean } = {},
) {
  return create(SandboxCreateRequestSchema, {
    sandbox: {
      sandboxId,
      templateId: "template1",
      baseTemplateId: "template1",
      buildId: BUILD,
      teamId: "team1",
      executionId: `x-${sandboxId}`,
      vcpu: 2n,
      ramMb: 512n,
      totalDiskSizeMb: 1024n,
      envdAccessToken: "token-1",
      envVars: { COLOUR: "blue" },
      metadata: { owner: "tests" },
      ...change,
    } as MessageInitShape<typeof SandboxConfigSchema>,
    startTime: timestampFromMs(1_000_000),
    endTime: timestampFromMs(2_000_000),
    ...more,
  });
}
