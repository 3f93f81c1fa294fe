import type { HeaderList } from "./http/headers";

export type SandboxTarget = { readonly sandboxId: string; readonly port: number; readonly by: "name" | "headers" };
/** Texts of the 400s; the first three are the reference's. Source: behaviour.md §3.1. */
export type TargetProblem = "missing header" | "Invalid host" | "Invalid sandbox ID" | "Invalid sandbox port";

/** No sign, no leading zero, ASCII digits only. */
const PORT = /^[1-9][0-9]{0,4}$/;
const SANDBOX_ID = /^[a-z0-9]+$/;
/** A first part such as `my` of `my-host.example.com`: no attempt at a port. */
const WORD = /^[a-z][a-z0-9_]*$/;

/**
 * Which sandbox and port a request is for: by name when the first label of Host is `<port>-<id>`, whatever the domain,
 * else by the two headers. The name wins over the headers. Parts of the label after the id are ignored.
 */
export function parseTarget(host: string, headers: HeaderList): SandboxTarget | TargetProblem {
  const parts = labelParts(host);
  if (parts !== undefined && !WORD.test(parts.port)) return check({ ...parts, by: "name" });
  const ids = headers.all("E2b-Sandbox-Id");
  const ports = headers.all("E2b-Sandbox-Port");
  if (ids.length === 0 && ports.length === 0) return parts === undefined ? "Invalid host" : "Invalid sandbox port";
  if (ids.length === 0 || ports.length === 0) return "missing header";
  if (ids.length > 1) return "Invalid sandbox ID";
  if (ports.length > 1) return "Invalid sandbox port";
  return check({ port: ports[0] ?? "", sandboxId: ids[0] ?? "", by: "headers" });
}

/** The first two parts of the first label, if there are as many and a domain after them. */
function labelParts(host: string): { port: string; sandboxId: string } | undefined {
  const dot = host.indexOf(".");
  if (dot < 0 || host.startsWith("[")) return undefined;
  const [port, sandboxId] = host.slice(0, dot).toLowerCase().split("-");
  return port === undefined || sandboxId === undefined ? undefined : { port, sandboxId };
}

function check(of: { port: string; sandboxId: string; by: "name" | "headers" }): SandboxTarget | TargetProblem {
  if (!SANDBOX_ID.test(of.sandboxId)) return "Invalid sandbox ID";
  const port = PORT.test(of.port) ? Number(of.port) : Number.NaN;
  return port <= 65_535 ? { sandboxId: of.sandboxId, port, by: of.by } : "Invalid sandbox port";
}
