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
});
