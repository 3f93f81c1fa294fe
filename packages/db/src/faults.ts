import { defineFaults } from "@sandlot/faults";

export const dbFaults = defineFaults("db", {
  unavailable: { kind: "unavailable", say: () => "the database is not reachable" },
  outdated: {
    kind: "unavailable",
    say: (f: { found: string; wanted: string }) =>
      `the database is at migration ${f.found}, this version needs ${f.wanted}: run the migrations first`,
  },
  migration_failed: { kind: "broken", say: (f: { output: string }) => `migrating the database failed: ${f.output}` },
  alias_taken: { kind: "exists", say: (f: { alias: string }) => `the name ${f.alias} belongs to another team` },
  template_unknown: { kind: "missing", say: (f: { templateId: string }) => `template '${f.templateId}' not found` },
  template_foreign: {
    kind: "forbidden",
    say: (f: { templateId: string }) => `you don't have access to template '${f.templateId}'`,
  },
  template_deleted: {
    kind: "missing",
    say: (f: { templateId: string }) => `Template '${f.templateId}' has been deleted and cannot be rebuilt`,
  },
  alias_is_id: { kind: "exists", say: (f: { alias: string }) => `Alias '${f.alias}' is already used` },
  alias_elsewhere: {
    kind: "forbidden",
    say: (f: { alias: string }) => `Alias '${f.alias}' is already used by another template`,
  },
  bare_alias_taken: {
    kind: "exists",
    say: (f: { alias: string }) => `the public name '${f.alias}' belongs to another template`,
  },
  too_many_builds: {
    kind: "limited",
    say: (f: { limit: number }) =>
      `you have reached the maximum number of concurrent template builds (${f.limit}). Please wait for existing builds to complete or contact support if you need more concurrent builds.`,
  },
});
