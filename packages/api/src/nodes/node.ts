/** One node of the installation, as the control plane sees it. */
import { type Client, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { InfoService, type ServiceInfoResponse, ServiceInfoRole } from "@sandlot/contracts/info";
import { SandboxService } from "@sandlot/contracts/orchestrator";
import { TemplateService } from "@sandlot/contracts/template";

export type NodeStatus = "connecting" | "ready" | "draining" | "unhealthy" | "standby";

export type Node = {
  /** `host:port` of its gRPC. */
  readonly address: string;
  /** Where its sandboxes are reached, without a port. */
  readonly ip: string;
  readonly sandboxes: Client<typeof SandboxService>;
  readonly info: Client<typeof InfoService>;
  readonly templates: Client<typeof TemplateService>;
  /** Whether it has said that it builds templates. */
  readonly buildsTemplates: boolean;
  /** Empty until it has answered once. */
  id: string;
  status: NodeStatus;
  statusChangedMs: number;
  /** Starts that this api had it do, since this api started. */
  createSuccesses: number;
  createFails: number;
  last: ServiceInfoResponse | undefined;
  /** Starts that this api is having it do right now. */
  starting: number;
};

/** Makes the client; nothing is sent yet. */
export function openNode(address: string): Node {
  const transport = createGrpcTransport({ baseUrl: `http://${address}` });
  return {
    address,
    ip: address.replace(/:\d+$/, "").replace(/^\[|\]$/g, ""),
    sandboxes: createClient(SandboxService, transport),
    info: createClient(InfoService, transport),
    templates: createClient(TemplateService, transport),
    get buildsTemplates() {
      return this.last?.serviceRoles.includes(ServiceInfoRole.TemplateBuilder) ?? false;
    },
    id: "",
    status: "connecting",
    statusChangedMs: Date.now(),
    createSuccesses: 0,
    createFails: 0,
    last: undefined,
    starting: 0,
  };
}
