import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
} from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { ServiceInfoStatus } from "@sandlot/contracts/info";
import type { NodeParts } from "./node-parts";

/** The standard health service of gRPC, described here since it is two small messages. */
export const Health = describeHealth();

const SERVING = 1;
const NOT_SERVING = 2;
const KNOWN = new Set(["", "orchestrator.SandboxService", "orchestrator.InfoService"]);

export function healthRoutes(parts: NodeParts): Partial<ServiceImpl<typeof Health>> {
  const status = () => (parts.status === ServiceInfoStatus.Healthy ? SERVING : NOT_SERVING);
  return {
    async check(request: { service?: string }) {
      const service = request.service ?? "";
      if (!KNOWN.has(service)) throw new ConnectError(`unknown service ${service}`, Code.NotFound);
      return { status: status() };
    },
  } as Partial<ServiceImpl<typeof Health>>;
}

// biome-ignore lint/suspicious/noExplicitAny: a descriptor made at run time has no static message types
type HealthService = GenService<any>;

function describeHealth(): HealthService {
  const typeName = ".grpc.health.v1.";
  const file = create(FileDescriptorProtoSchema, {
    name: "grpc/health/v1/health.proto",
    package: "grpc.health.v1",
    syntax: "proto3",
    messageType: [
      {
        name: "HealthCheckRequest",
        field: [
          {
            name: "service",
            number: 1,
            label: FieldDescriptorProto_Label.OPTIONAL,
            type: FieldDescriptorProto_Type.STRING,
            jsonName: "service",
          },
        ],
      },
      {
        name: "HealthCheckResponse",
        field: [
          {
            name: "status",
            number: 1,
            label: FieldDescriptorProto_Label.OPTIONAL,
            type: FieldDescriptorProto_Type.ENUM,
            typeName: `${typeName}HealthCheckResponse.ServingStatus`,
            jsonName: "status",
          },
        ],
        enumType: [
          {
            name: "ServingStatus",
            value: ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"].map((name, number) => ({ name, number })),
          },
        ],
      },
    ],
    service: [
      {
        name: "Health",
        method: [
          { name: "Check", inputType: `${typeName}HealthCheckRequest`, outputType: `${typeName}HealthCheckResponse` },
        ],
      },
    ],
  });
  const service: DescService | undefined = createFileRegistry(file, () => undefined).getService(
    "grpc.health.v1.Health",
  );
  if (service === undefined) throw new Error("the health service's description does not hold together");
  return service as HealthService;
}
