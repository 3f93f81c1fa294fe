import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  MachineInfoSchema,
  type RuntimeInfo,
  RuntimeInfoSchema,
  type ServiceInfoResponse,
  ServiceInfoResponseSchema,
  ServiceInfoRole,
  type ServiceStatusChangeRequest,
} from "@sandlot/contracts/info";
import type { Runtime } from "@sandlot/runtime-contract";
import { isolationOf } from "../runtimes/runtimes";
import { VERSION } from "../version";
import type { NodeParts } from "./node-parts";

/** InfoService.ServiceInfo — who this node is, how it is, what it carries. */
export function serviceInfoRoute(parts: NodeParts) {
  return async (): Promise<ServiceInfoResponse> => {
    const host = await parts.meter.read();
    const running = parts.sandboxes.list();
    const memoryProblem = parts.memoryProblem(parts.runtimes.default);
    const sum = (of: (config: (typeof running)[number]["record"]["config"]) => bigint): bigint =>
      running.reduce((total, { record }) => total + of(record.config), 0n);
    return create(ServiceInfoResponseSchema, {
      nodeId: parts.config.nodeId,
      serviceId: parts.serviceId,
      serviceVersion: VERSION,
      serviceStatus: parts.status,
      serviceRoles: [
        ServiceInfoRole.Orchestrator,
        ...(parts.config.services.includes("template-manager") ? [ServiceInfoRole.TemplateBuilder] : []),
      ],
      serviceStartup: timestampFromMs(parts.startedAtMs),
      machineInfo: create(MachineInfoSchema, {
        cpuArchitecture: parts.machineInfo.architecture,
        cpuFamily: parts.machineInfo.family,
        cpuModel: parts.machineInfo.model,
        cpuModelName: parts.machineInfo.modelName,
        cpuFlags: [...parts.machineInfo.flags],
      }),
      runtime: parts.runtimes.default.name,
      runtimes: parts.runtimes.offered.map((runtime) => describeRuntime(parts, runtime)),
      runtimeNotes: [...parts.runtimes.notes],
      memorySnapshots: memoryProblem === undefined,
      memorySnapshotsProblem: memoryProblem ?? "",
      metricSandboxesRunning: BigInt(running.length),
      metricCpuPercent: BigInt(host.cpuPercent),
      metricCpuCount: BigInt(host.cpuCount),
      metricMemoryUsedBytes: BigInt(host.memoryUsedBytes),
      metricMemoryTotalBytes: BigInt(host.memoryTotalBytes),
      metricAllocatedCpu: sum((config) => config.vcpu),
      metricAllocatedMemoryBytes: sum((config) => config.ramMb * 1024n * 1024n),
      metricDiskUsedBytes: BigInt(host.diskUsedBytes),
      metricDiskTotalBytes: BigInt(host.diskTotalBytes),
    });
  };
}

function describeRuntime(parts: NodeParts, runtime: Runtime): RuntimeInfo {
  const problem = parts.memoryProblem(runtime);
  const probe = parts.probes.get(runtime.name);
  return create(RuntimeInfoSchema, {
    name: runtime.name,
    isolation: isolationOf(runtime),
    acceleration: runtime.facts?.acceleration ?? "",
    kernelVersion: runtime.facts?.kernel ?? "",
    memorySnapshots: problem === undefined,
    memorySnapshotsProblem: problem ?? "",
    problems: probe === undefined || probe.usable ? [] : [...probe.problems],
    probed: probe !== undefined,
  });
}

/** InfoService.ServiceStatusOverride — an operator drains a node or takes it back; lives as long as this run. */
export function overrideStatusRoute(parts: NodeParts) {
  return async (request: ServiceStatusChangeRequest): Promise<Empty> => {
    parts.status = request.serviceStatus;
    return create(EmptySchema);
  };
}
