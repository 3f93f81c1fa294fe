/** The node's service: machines, their network, and the proxy in front of them. Configured by its environment. */

import { runMain } from "@sandlot/lifetime";
import { loadOrchestratorConfig, startOrchestrator, sweepNode } from "@sandlot/orchestrator";
import { startLogger } from "@sandlot/telemetry";

const HELP = `orchestrator             serve; SIGTERM stops the service and lets sandboxes live on
orchestrator sweep --all end every sandbox of this installation and remove all it made on this host
orchestrator --help      this text
`;

// This process speaks to guests only. Bun's fetch would send even that through a proxy of the host's environment;
// guests get theirs by GUEST_HTTP_PROXY.
for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
  delete process.env[name];
  delete process.env[name.toLowerCase()];
}

const [command, ...flags] = process.argv.slice(2);

if (command === undefined) {
  await runMain(async () => {
    const config = loadOrchestratorConfig(process.env);
    return await startOrchestrator(config, { logger: startLogger("orchestrator", config.logLevel) });
  });
} else if (command === "sweep" && flags.length === 1 && flags[0] === "--all") {
  process.exitCode = await sweep();
} else {
  const asked = command === "--help" || command === "help";
  (asked ? process.stdout : process.stderr).write(HELP);
  process.exitCode = asked ? 0 : 2;
}

async function sweep(): Promise<number> {
  try {
    const config = loadOrchestratorConfig(process.env);
    const { ended } = await sweepNode(config, { logger: startLogger("orchestrator", config.logLevel) });
    process.stdout.write(`${ended} machines ended, nothing left\n`);
    return 0;
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
    return 1;
  }
}
