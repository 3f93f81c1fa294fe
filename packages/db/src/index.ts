/** PostgreSQL: schema, typed queries, seeding. Callers see rooms of functions, never SQL. */
export { type Database, openDatabase, type Queries } from "./database";
export { dbFaults } from "./faults";
export {
  ensureIdentityKeys,
  type IdentityKey,
  type KeptIdentityKey,
  readIdentityKeys,
  replaceIdentityKeys,
} from "./identity-keys";
export { type Creator, type MadeKey, makeKey, readKeys, removeKey, renameKey, type TeamKey } from "./keys";
export {
  addLogEntries,
  hasLogEntries,
  LOG_LEVELS,
  type LogEntry,
  type LogLevel,
  type LogQuery,
  type OwnedLogEntry,
  readLogEntries,
} from "./logs";
export {
  addSandboxSamples,
  addTeamCounts,
  type OwnedSample,
  readLatestSamples,
  readSampleSpan,
  readSandboxSamples,
  readTeamCounts,
  readTeamPeak,
  rollKept,
  type SandboxSample,
  type TeamCount,
  type TimeRange,
} from "./metrics";
export { migrate, NEWEST_MIGRATION } from "./migrate";
export {
  forgetBuild,
  type LooseBuild,
  letGoOfBuild,
  noteSealedBuild,
  noteSealFailed,
  readLooseBuilds,
  type SealedBuild,
  type SealedSize,
} from "./sealed-builds";
export {
  makeSecret,
  readSealedSecrets,
  readSecret,
  readSecrets,
  removeSecret,
  replaceSecret,
  type SecretKey,
  type TeamSecret,
} from "./secrets";
export {
  ensureInstallation,
  type InstallationSeed,
  registerTemplateBuild,
  SELF_HOSTED_TIER,
  type TemplateBuildSeed,
} from "./seed";
export {
  type ListedSnapshot,
  type NewSnapshot,
  readSnapshotTemplates,
  registerSnapshot,
  removeSnapshotTag,
  type SnapshotName,
  type SnapshotQuery,
} from "./snapshot-templates";
export {
  beginPause,
  claimPaused,
  completePause,
  forgetPaused,
  type KeptSandbox,
  type PausedQuery,
  readPaused,
  readSnapshot,
  readUnsettled,
  type Snapshot,
  type SnapshotConfig,
  type SnapshotState,
  settleAsLive,
  settleAsPaused,
  undoPauseOf,
} from "./snapshots";
export { isSshKeyOf, putSshKey, readSshKeys, removeSshKey, type TeamSshKey } from "./ssh-keys";
export { readTeam, readTeamByKeyHash, type Team, touchKey } from "./teams";
export {
  addBuildEntries,
  type BuildLogEntry,
  type BuildReason,
  countBuildEntries,
  failWaitingBuilds,
  forgetBuildEntries,
  type ListedBuild,
  markBuildFailed,
  markBuildFinished,
  markBuildStarted,
  readBuildEntries,
  readBuildEntriesAt,
  readBuildsPage,
  readStartedBuilds,
  readTemplateBuild,
  readTemplateFacts,
  readUnfinishedBuilds,
  type TemplateBuild,
  type TemplateBuildState,
  type TemplateFacts,
  type UnfinishedBuild,
} from "./template-builds";
export {
  assignTags,
  isKeptBySnapshots,
  type NewBuild,
  publishTemplate,
  type RegisteredBuild,
  readTags,
  readTeamLimits,
  registerBuild,
  removeTags,
  removeTemplate,
  type TeamLimits,
  type TemplateTag,
} from "./template-registry";
export {
  type FoundTemplate,
  type ListedTemplate,
  noteBuildRuntimes,
  noteSpawn,
  type ReadyBuild,
  readBuild,
  readOwnTemplates,
  readTemplate,
  setRuntimesOfTemplate,
  type TemplateName,
} from "./templates";
export {
  type MadeToken,
  type Membership,
  makeAccessToken,
  readMemberships,
  readTeamOwner,
  readUserByTokenHash,
  removeAccessToken,
  type User,
} from "./users";
