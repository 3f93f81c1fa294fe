/** docs/reference/ports.md from the stack's table. Used by generate-reference.ts. */
import { PORTS } from "@sandlot/stack";
import { table } from "./table";

/** Who may reach it: what `--host` moves away from loopback, and what never leaves it. */
const OPEN_TO_USERS: readonly string[] = ["api", "proxy"];

export function portsPage(): string {
  const rows = Object.entries(PORTS).map(([name, { fallback, offset, flag, what }]) => [
    String(fallback),
    what,
    `+${offset}`,
    `\`${flag}\``,
    OPEN_TO_USERS.includes(name) ? "127.0.0.1, or what `--host` says" : "127.0.0.1 only",
  ]);
  return `# Ports

All on one machine; \`--port-base N\` numbers them from N.

${table(["port", "what", "with --port-base", "flag", "listens on"], rows)}

Inside every sandbox envd listens on 49983. It is reached only through the proxies, like any other port of a sandbox.
`;
}
