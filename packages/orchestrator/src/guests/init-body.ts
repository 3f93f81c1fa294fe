import type { SandboxConfig } from "@sandlot/contracts/orchestrator";
import type { GuestProxy } from "../config";
import type { InitBody } from "./envd-door";

/** What every guest of this node is told, from the node's own configuration. */
export type GuestDefaults = { readonly caBundle: string | undefined; readonly proxy: GuestProxy };

/** The identity of one sandbox as envd wants it. Made anew per attempt, since the timestamp must move. */
export function initBodyFor(of: {
  config: SandboxConfig;
  defaults: GuestDefaults;
  defaultUser: string;
  defaultWorkdir: string;
  nowMs: number;
}): InitBody {
  const { config, defaults } = of;
  return {
    timestamp: new Date(of.nowMs).toISOString(),
    ...(config.envdAccessToken === undefined || config.envdAccessToken === ""
      ? {}
      : { accessToken: config.envdAccessToken }),
    envVars: { ...proxyVariables(defaults.proxy), ...config.envVars },
    defaultUser: of.defaultUser,
    defaultWorkdir: of.defaultWorkdir,
    ...(defaults.caBundle === undefined ? {} : { caBundle: defaults.caBundle }),
    lifecycleID: config.executionId,
    sandboxId: config.sandboxId,
    templateId: config.baseTemplateId === "" ? config.templateId : config.baseTemplateId,
    hostname: config.sandboxId,
  };
}

/** Both spellings: curl reads only the small ones, Go and Node tools either. */
function proxyVariables(proxy: GuestProxy): Record<string, string> {
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ["HTTP_PROXY", proxy.http],
    ["HTTPS_PROXY", proxy.https],
    ["NO_PROXY", proxy.none],
  ];
  const variables: Record<string, string> = {};
  for (const [name, value] of pairs) {
    if (value === undefined) continue;
    variables[name] = value;
    variables[name.toLowerCase()] = value;
  }
  return variables;
}
