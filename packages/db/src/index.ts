/** PostgreSQL: schema, typed queries, seeding. Callers see rooms of functions, never SQL. */
export { type Database, openDatabase, type Queries } from "./database";
export { dbFaults } from "./faults";
export { migrate, NEWEST_MIGRATION } from "./migrate";
export {
  ensureInstallation,
  type InstallationSeed,
  registerTemplateBuild,
  SELF_HOSTED_TIER,
  type TemplateBuildSeed,
} from "./seed";
export { readTeam, readTeamByKeyHash, type Team, touchKey } from "./teams";
export {
  type FoundTemplate,
  type ListedTemplate,
  noteSpawn,
  type ReadyBuild,
  readBuild,
  readOwnTemplates,
  readTemplate,
  type TemplateName,
} from "./templates";
