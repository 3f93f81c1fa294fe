/** Which way dependencies point, as data. Used by scripts/check-rings.ts. */

export const KIT = ["faults", "config", "lifetime", "telemetry", "linux", "host", "certificates", "testkit"];
const ADAPTERS = [
  "db",
  "state",
  "storage",
  "runtime-contract",
  "runtime-host",
  "runtime-container",
  "runtime-microvm",
  "runtime-qemu",
  "runtime-firecracker",
  "network",
  "proxy",
  "egress",
  "oci-images",
  "builder",
  "names",
  "ssh",
];

/** What each package may import of ours. Outer rings may import inner ones, never the reverse; services know no other service. */
export const MAY: Readonly<Record<string, readonly string[]>> = {
  faults: [],
  config: [],
  lifetime: [],
  telemetry: [],
  linux: ["faults"],
  host: ["faults", "lifetime", "linux"],
  certificates: [],
  testkit: ["host", "lifetime"],
  contracts: [],
  domain: ["faults"],
  db: [...KIT, "domain"],
  state: [...KIT, "domain"],
  network: [...KIT, "domain"],
  proxy: [...KIT, "domain"],
  names: [...KIT, "domain"],
  // It speaks to envd as any client does.
  ssh: [...KIT, "domain", "contracts"],
  egress: [...KIT, "domain", "network", "proxy"],
  "oci-images": [...KIT, "domain"],
  storage: [...KIT, "domain"],
  builder: [...KIT, "domain", "contracts", "runtime-contract", "storage", "oci-images"],
  "runtime-contract": [...KIT, "domain"],
  "runtime-microvm": [...KIT, "domain", "runtime-contract", "runtime-host"],
  "runtime-host": ["faults", "lifetime", "linux", "runtime-contract"],
  "runtime-container": [...KIT, "domain", "runtime-contract", "runtime-host"],
  "runtime-qemu": [...KIT, "domain", "runtime-contract", "runtime-host", "runtime-microvm"],
  "runtime-firecracker": [...KIT, "domain", "runtime-contract", "runtime-host", "runtime-microvm"],
  // It ships into every guest.
  envd: [...KIT, "contracts"],
  // Shipped into the template of that name.
  "code-interpreter": KIT,
  api: [...KIT, ...ADAPTERS, "domain", "contracts"],
  "client-proxy": [...KIT, ...ADAPTERS, "domain", "contracts"],
  orchestrator: [...KIT, ...ADAPTERS, "domain", "contracts"],
  "docker-reverse-proxy": [...KIT, ...ADAPTERS, "domain", "contracts"],
  // They start services as executables.
  stack: [...KIT, ...ADAPTERS, "domain", "contracts"],
  cli: [...KIT, "domain", "contracts", "stack"],
  // A main imports its own service and what starts a process.
  "app-api": ["api", "config", "lifetime", "telemetry"],
  "app-client-proxy": ["client-proxy", "config", "lifetime", "telemetry"],
  "app-docker-reverse-proxy": ["docker-reverse-proxy", "config", "lifetime", "telemetry"],
  "app-orchestrator": ["orchestrator", "config", "lifetime", "telemetry"],
  "app-code-interpreter": ["code-interpreter", "config", "lifetime", "telemetry"],
  "app-envd": ["envd", "config", "lifetime", "telemetry"],
  "app-cli": ["cli", "config", "lifetime", "telemetry"],
  // Clients have no private doors.
  tests: ["contracts"],
  // The proxy is measured alone.
  bench: ["stack", "proxy", "telemetry", "tests"],
  scripts: ["*"],
};

/** Declared, and used in another way than by an import. */
export const USED_OTHERWISE: Readonly<Record<string, readonly string[]>> = {
  stack: ["npm"], // copied into the base template
  scripts: ["@pgtyped/cli", "openapi-typescript"], // run as programs
  api: ["e2b", "e2b-oldest"], // named by the test that runs both
  tests: ["e2b", "e2b-oldest", "@e2b/cli", "@e2b/code-interpreter", "@e2b/desktop"], // named by a variable of the environment, or run
  bench: ["e2b"], // named by a flag
};
