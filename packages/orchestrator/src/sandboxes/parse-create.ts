import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { SandboxCreateRequest } from "@sandlot/contracts/orchestrator";
import { isRuntimeName, RUNTIME_NAMES, type RuntimeName } from "@sandlot/domain";
import type { MachineShape } from "../config";
import { nodeFaults } from "../faults";
import type { SandboxRecord } from "../journal/journal";
import { egressPolicyOf, withExplicitEgress } from "./egress-policy";

export type CreateSandbox = {
  readonly sandbox: SandboxRecord;
  readonly shape: MachineShape;
  /** The same sandbox again, with its processes and identity if the build has memory. */
  readonly isResume: boolean;
  /** From the build's disk, whatever memory it has. */
  readonly filesystemBoot: boolean;
};

/**
 * The control plane has validated for its users; this only keeps nonsense from becoming paths and cgroup values.
 * @throws Fault `node_request_invalid`, `node_domains_unsupported`
 */
export function parseCreate(
  request: SandboxCreateRequest,
  nowMs: number,
  defaultRuntime: RuntimeName = "container",
): CreateSandbox {
  const invalid = (problem: string) => nodeFaults.request_invalid({ problem });
  const { sandbox: config } = request;
  if (config === undefined) throw invalid("sandbox must be set");
  if (!/^[a-z0-9]{1,64}$/.test(config.sandboxId)) throw invalid("sandbox_id must be 1 to 64 characters of a-z and 0-9");
  requireBuildId(config.buildId);
  const whole = (name: string, value: bigint, min: number, max: number): number => {
    if (value < BigInt(min) || value > BigInt(max))
      throw invalid(`${name} must be from ${min} to ${max}, got ${value}`);
    return Number(value);
  };
  const explicit = withExplicitEgress(config);
  egressPolicyOf(explicit);
  const runtime = config.runtime === "" ? defaultRuntime : config.runtime;
  if (!isRuntimeName(runtime)) throw invalid(`runtime must be one of ${RUNTIME_NAMES.join(", ")}, got ${runtime}`);
  const startedAtMs = request.startTime === undefined ? nowMs : timestampMs(request.startTime);
  return {
    isResume: config.snapshot === true,
    filesystemBoot: request.filesystemBoot === true,
    sandbox: {
      sandboxId: config.sandboxId,
      config: { ...explicit, runtime },
      startedAtMs,
      endsAtMs: request.endTime === undefined ? startedAtMs : timestampMs(request.endTime),
    },
    shape: {
      runtime,
      buildId: config.buildId,
      cpuCount: whole("vcpu", config.vcpu, 1, 256),
      memoryMiB: whole("ram_mb", config.ramMb, 64, 4 * 1024 * 1024),
      diskMiB: whole("total_disk_size_mb", config.totalDiskSizeMb, 64, 64 * 1024 * 1024),
    },
  };
}

/** @throws Fault `node_request_invalid` */
export function requireBuildId(buildId: string): void {
  if (buildId === "") throw nodeFaults.request_invalid({ problem: "build_id must be set" });
}
