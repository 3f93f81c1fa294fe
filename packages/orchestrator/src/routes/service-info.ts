import { create } from "@bufbuild/protobuf";
import { type Empty, EmptySchema, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  MachineInfoSchema,
  type ServiceInfoResponse,
  ServiceInfoResponseSchema,
  ServiceInfoRole,
  type ServiceStatusChangeRequest,
} from "@sandlot/contracts/info";
import { VERSION } from "../version";
import type { NodeParts } from "./node-parts";

/** InfoService.ServiceInfo — who this node is, how it is, what it carries. */
export function serviceInfoRoute(parts: NodeParts) {
  return async (): Promise<ServiceInfoResponse> => {
    const host = await parts.meter.read();
    const running = parts.sandboxes.list();
    const memoryProblem = parts.memoryProblem();
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
      runtime: parts.runtimeName,
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

/** InfoService.ServiceStatusOverride — an operator drains a node or takes it back; lives as long as this run. */
export function overrideStatusRoute(parts: NodeParts) {
  return async (request: ServiceStatusChangeRequest): Promise<Empty> => {
    parts.status = request.serviceStatus;
    return create(EmptySchema);
  };
}
