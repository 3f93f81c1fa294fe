import { createHash } from "node:crypto";
import type { SandboxConfig } from "@sandlot/contracts/orchestrator";
import type { GuestProxy } from "../config";
import { hasHeaderRules } from "../sandboxes/egress-policy";
import type { InitBody } from "./envd-door";

/** What every guest of this node is told, from the node's own configuration. */
export type GuestDefaults = {
  /** Authorities that every guest trusts. */
  readonly caBundle: string | undefined;
  /** The one that only guests with header rules trust. */
  readonly egressCa: string;
  readonly proxy: GuestProxy;
};

/** The identity of one sandbox as envd wants it. Made anew per attempt, since the timestamp must move. */
export function initBodyFor(of: {
  config: SandboxConfig;
  defaults: GuestDefaults;
  defaultUser: string;
  defaultWorkdir: string;
  nowMs: number;
  /** Sealed memory brings its variables along. */
  keepEnvVars?: boolean;
}): InitBody {
  const { config, defaults } = of;
  const authorities = [defaults.caBundle, hasHeaderRules(config) ? defaults.egressCa : undefined];
  const caBundle = authorities.filter((text) => text !== undefined).join("\n");
  return {
    timestamp: new Date(of.nowMs).toISOString(),
    ...(config.envdAccessToken === undefined || config.envdAccessToken === ""
      ? {}
      : { accessToken: config.envdAccessToken }),
    ...(of.keepEnvVars === true ? {} : { envVars: config.envVars }),
    defaultUser: of.defaultUser,
    defaultWorkdir: of.defaultWorkdir,
    ...(caBundle === "" ? {} : { caBundle }),
    ...proxyOf(defaults.proxy),
    lifecycleID: config.executionId,
    sandboxId: config.sandboxId,
    templateId: config.baseTemplateId === "" ? config.templateId : config.baseTemplateId,
    buildId: config.buildId,
    hostname: config.sandboxId,
  };
}

/**
 * What the guest may read at its metadata address, in a runtime that has one: who it is, and by what a token can be told to be the
 * right one without its being there (wire contract §2.3: hex SHA-512; of the empty string where there is none).
 */
export function metadataFor(config: SandboxConfig): Readonly<Record<string, string>> {
  const token = config.envdAccessToken ?? "";
  return {
    instanceID: config.sandboxId,
    envID: config.templateId,
    accessTokenHash: createHash("sha512").update(token).digest("hex"),
  };
}

/** envd puts these into every process's environment, in both spellings and under the sandbox's own variables. */
function proxyOf({ http, https, none }: GuestProxy): Pick<InitBody, "proxy"> {
  const proxy = {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    ...(none === undefined ? {} : { no: none }),
  };
  return Object.keys(proxy).length === 0 ? {} : { proxy };
}
