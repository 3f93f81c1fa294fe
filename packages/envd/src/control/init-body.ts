/** The body of /init, parsed once. behaviour.md §2.3, with Sandlot's own fields. */
import { faults } from "../faults";
import { parseTimestampNs } from "./timestamp";

export type InitBody = {
  readonly accessToken: string | undefined;
  readonly timestampNs: bigint | undefined;
  readonly envVars: ReadonlyMap<string, string> | undefined;
  readonly defaultUser: string | undefined;
  readonly defaultWorkdir: string | undefined;
  readonly hyperloopIp: string | undefined;
  readonly caBundle: string | undefined;
  // Sandlot's own:
  readonly sandboxId: string | undefined;
  readonly templateId: string | undefined;
  readonly buildId: string | undefined;
  readonly hostname: string | undefined;
  /** What guests behind a corporate proxy should use; absent leaves what is set. */
  readonly proxy: { readonly http?: string; readonly https?: string; readonly no?: string } | undefined;
};

/** @throws Fault `envd_bad_request` */
export function parseInitBody(text: string): InitBody {
  const body = parseObject(text);
  if (Array.isArray(body.volumeMounts) && body.volumeMounts.length > 0) {
    throw faults.bad_request({ problem: "volumeMounts are not supported in this sandbox" });
  }
  const timestamp = optionalText(body, "timestamp");
  const timestampNs = timestamp === undefined ? undefined : parseTimestampNs(timestamp);
  if (timestamp !== undefined && timestampNs === undefined) {
    throw faults.bad_request({ problem: `timestamp must be RFC 3339, got ${timestamp}` });
  }
  return {
    accessToken: optionalText(body, "accessToken"),
    timestampNs,
    envVars: optionalTexts(body, "envVars"),
    defaultUser: optionalText(body, "defaultUser"),
    defaultWorkdir: optionalText(body, "defaultWorkdir"),
    hyperloopIp: optionalText(body, "hyperloopIP"),
    caBundle: optionalText(body, "caBundle"),
    sandboxId: optionalText(body, "sandboxId"),
    templateId: optionalText(body, "templateId"),
    buildId: optionalText(body, "buildId"),
    hostname: optionalText(body, "hostname"),
    proxy: body.proxy === undefined || body.proxy === null ? undefined : parseProxy(body),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(text: string): Fields {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw faults.bad_request({ problem: "the body is not JSON" }, thrown);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw faults.bad_request({ problem: "the body must be a JSON object" });
  }
  return value as Fields;
}

/** Empty counts as absent, as upstream's clients mean it. */
function optionalText(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value !== "string") throw faults.bad_request({ problem: `${name} must be text` });
  return value;
}

function optionalTexts(fields: Fields, name: string): ReadonlyMap<string, string> | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "object" || Array.isArray(value))
    throw faults.bad_request({ problem: `${name} must be an object` });
  const entries = Object.entries(value);
  for (const [key, text] of entries) {
    if (typeof text !== "string") throw faults.bad_request({ problem: `${name}.${key} must be text` });
    if (key === "" || key.includes("=") || `${key}${text}`.includes("\0")) {
      throw faults.bad_request({ problem: `${name} has a name or value no environment can hold` });
    }
  }
  return new Map(entries as [string, string][]);
}

function parseProxy(body: Fields): NonNullable<InitBody["proxy"]> {
  return Object.fromEntries(optionalTexts(body, "proxy") ?? []);
}
