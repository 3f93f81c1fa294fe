import type { Handler } from "../http/handlers";
import type { NodeRegistry } from "../nodes/registry";

/** GET /health — 200 with the text that clients of the field know, 503 while no node is ready or we are going down. */
export function getHealth(of: { nodes: NodeRegistry; isDraining: () => boolean }): Handler<"getHealth"> {
  return async () =>
    of.isDraining() || of.nodes.ready().length === 0
      ? { status: 503, text: "Service is unavailable" }
      : { status: 200, text: "Health check successful" };
}
