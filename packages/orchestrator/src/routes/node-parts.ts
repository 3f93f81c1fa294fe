import type { BuildMachines } from "@sandlot/builder";
import type { ServiceInfoStatus } from "@sandlot/contracts/info";
import type { RuntimeName } from "@sandlot/domain";
import type { Runtime, RuntimeProbe } from "@sandlot/runtime-contract";
import type { OrchestratorConfig } from "../config";
import type { NodeSlots } from "../egress/node-slots";
import type { Garbage } from "../garbage/garbage";
import type { HostMeter, MachineInfo } from "../info/host-metrics";
import type { Recorder } from "../observing/recorder";
import type { Runtimes } from "../runtimes/runtimes";
import type { Sandboxes } from "../sandboxes/sandboxes";

/** What the routes work with. */
export type NodeParts = {
  readonly config: OrchestratorConfig;
  readonly sandboxes: Sandboxes;
  readonly recorder: Recorder;
  readonly flows: NodeSlots["flows"];
  readonly meter: HostMeter;
  readonly machineInfo: MachineInfo;
  readonly runtimes: Runtimes;
  /** What trial machines have shown; a runtime is missing as long as nothing is known of it. */
  readonly probes: ReadonlyMap<RuntimeName, RuntimeProbe>;
  /** Why sandboxes of a runtime cannot be saved with their memory here, or undefined. */
  readonly memoryProblem: (runtime: Runtime) => string | undefined;
  readonly garbage: Garbage;
  readonly buildMachines: BuildMachines;
  /** New with every run of the service. */
  readonly serviceId: string;
  readonly startedAtMs: number;
  /** Set by an operator; a node that is not Healthy takes no new sandboxes and keeps those it has. */
  status: ServiceInfoStatus;
};
