/** The handler table: every built operation of the contract, by its id. */
import type { Handlers } from "../http/handlers";
import type { SandboxParts } from "../sandboxes/parts";
import type { TemplateParts } from "../templates/parts";
import { createAccessToken, deleteAccessToken } from "./access-tokens";
import { createTeamApiKey, deleteTeamApiKey } from "./admin-api-keys";
import { createApiKey, deleteApiKeyRoute, listApiKeys, updateApiKey } from "./api-keys";
import { cancelTeamBuilds } from "./cancel-team-builds";
import { connectSandbox, connectSandboxV2 } from "./connect-sandbox";
import { countRunningSandboxes } from "./count-running-sandboxes";
import { createSandbox, createSandboxV2 } from "./create-sandbox";
import { createSandboxLink } from "./create-sandbox-link";
import { createTemplateV1, createTemplateV2, createTemplateV3, rebuildTemplate } from "./create-template";
import { deleteTemplate } from "./delete-template";
import { forkSandboxRoute } from "./fork-sandbox";
import { getHealth } from "./get-health";
import { getSandbox } from "./get-sandbox";
import { getSandboxLogs, getSandboxLogsV2 } from "./get-sandbox-logs";
import { getSandboxMetrics } from "./get-sandbox-metrics";
import { getSandboxesMetrics } from "./get-sandboxes-metrics";
import { getTeamMetrics, getTeamMetricsMax } from "./get-team-metrics";
import { getTemplate } from "./get-template";
import { getTemplateAlias } from "./get-template-alias";
import { getTemplateBuildLogs, getTemplateBuildStatus } from "./get-template-build";
import { getTemplateFileLink } from "./get-template-file-link";
import { getIdentityKeys, getIdentityProvider, rotateIdentityKeys } from "./identity";
import { killSandboxRoute } from "./kill-sandbox";
import { killTeamSandboxes } from "./kill-team-sandboxes";
import { listRunningSandboxes } from "./list-running-sandboxes";
import { listSandboxEgress } from "./list-sandbox-egress";
import { listSandboxes } from "./list-sandboxes";
import { listTeams } from "./list-teams";
import { listTemplates, listTemplatesV2 } from "./list-templates";
import { getNode, listNodes, updateNode } from "./nodes";
import { pauseSandboxRoute } from "./pause-sandbox";
import { refreshSandbox } from "./refresh-sandbox";
import { resumeSandboxRoute } from "./resume-sandbox";
import { addSecretVersion, createSecret, deleteSecret, getSecret, listSecrets } from "./secrets";
import { setSandboxTimeout } from "./set-sandbox-timeout";
import { createSnapshot, listSnapshots } from "./snapshots";
import { createSshCertificate } from "./ssh-certificates";
import { createSshKey, deleteSshKey, listSshKeys } from "./ssh-keys";
import { startTemplateBuild, startTemplateBuildV2 } from "./start-template-build";
import { getTemplateRuntimes, setTemplateRuntimes } from "./template-runtimes";
import { assignTemplateTags, deleteTemplateTags, listTemplateTags } from "./template-tags";
import { updateSandboxNetwork } from "./update-sandbox-network";
import { updateTemplate, updateTemplateV2 } from "./update-template";

export type HandlerParts = SandboxParts & TemplateParts & { isDraining: () => boolean; trafficOrigin: string };

export function handlersOf(parts: HandlerParts): Handlers {
  return {
    getHealth: getHealth(parts),
    getIdentityKeys: getIdentityKeys(parts),
    getIdentityProvider: getIdentityProvider(parts),
    rotateIdentityKeys: rotateIdentityKeys(parts),
    createSandbox: createSandbox(parts),
    createSandboxV2: createSandboxV2(parts),
    listRunningSandboxes: listRunningSandboxes(parts),
    listSandboxes: listSandboxes(parts),
    getSandbox: getSandbox(parts),
    killSandbox: killSandboxRoute(parts),
    connectSandbox: connectSandbox(parts),
    connectSandboxV2: connectSandboxV2(parts),
    pauseSandbox: pauseSandboxRoute(parts),
    resumeSandbox: resumeSandboxRoute(parts),
    forkSandbox: forkSandboxRoute(parts),
    createSnapshot: createSnapshot(parts),
    listSnapshots: listSnapshots(parts),
    setSandboxTimeout: setSandboxTimeout(parts),
    refreshSandbox: refreshSandbox(parts),
    updateSandboxNetwork: updateSandboxNetwork(parts),
    createSandboxLink: createSandboxLink(parts),
    createSshCertificate: createSshCertificate(parts),
    listSshKeys: listSshKeys(parts),
    createSshKey: createSshKey(parts),
    deleteSshKey: deleteSshKey(parts),
    listSandboxEgress: listSandboxEgress(parts),
    listSecrets: listSecrets(parts),
    createSecret: createSecret(parts),
    getSecret: getSecret(parts),
    addSecretVersion: addSecretVersion(parts),
    deleteSecret: deleteSecret(parts),
    listTemplates: listTemplates(parts),
    listTemplatesV2: listTemplatesV2(parts),
    getTemplateAlias: getTemplateAlias(parts),
    createTemplateV1: createTemplateV1(parts),
    createTemplateV2: createTemplateV2(parts),
    createTemplateV3: createTemplateV3(parts),
    rebuildTemplate: rebuildTemplate(parts),
    getTemplate: getTemplate(parts),
    updateTemplate: updateTemplate(parts),
    updateTemplateV2: updateTemplateV2(parts),
    deleteTemplate: deleteTemplate(parts),
    assignTemplateTags: assignTemplateTags(parts),
    deleteTemplateTags: deleteTemplateTags(parts),
    listTemplateTags: listTemplateTags(parts),
    getTemplateRuntimes: getTemplateRuntimes(parts),
    setTemplateRuntimes: setTemplateRuntimes(parts),
    getTemplateFileLink: getTemplateFileLink(parts),
    startTemplateBuild: startTemplateBuild(parts),
    startTemplateBuildV2: startTemplateBuildV2(parts),
    getTemplateBuildStatus: getTemplateBuildStatus(parts),
    getTemplateBuildLogs: getTemplateBuildLogs(parts),
    cancelTeamBuilds: cancelTeamBuilds(parts),
    getSandboxMetrics: getSandboxMetrics(parts),
    getSandboxesMetrics: getSandboxesMetrics(parts),
    getSandboxLogs: getSandboxLogs(parts),
    getSandboxLogsV2: getSandboxLogsV2(parts),
    getTeamMetrics: getTeamMetrics(parts),
    getTeamMetricsMax: getTeamMetricsMax(parts),
    listTeams: listTeams(parts),
    createAccessToken: createAccessToken(parts),
    deleteAccessToken: deleteAccessToken(parts),
    listApiKeys: listApiKeys(parts),
    createApiKey: createApiKey(parts),
    updateApiKey: updateApiKey(parts),
    deleteApiKey: deleteApiKeyRoute(parts),
    createTeamApiKey: createTeamApiKey(parts),
    deleteTeamApiKey: deleteTeamApiKey(parts),
    listNodes: listNodes(parts),
    getNode: getNode(parts),
    updateNode: updateNode(parts),
    killTeamSandboxes: killTeamSandboxes(parts),
    countRunningSandboxes: countRunningSandboxes(parts),
  };
}
