/** The routes by which the node talks to this envd, and clients ask how it is. */
import type { Envd } from "../envd";
import { faults } from "../faults";
import type { Route } from "../server";
import { defaultEnvs } from "../state";
import { initHandler } from "./init";
import { metricsHandler } from "./metrics";

/** In a container these need powers over cgroups, file systems or memory that only the node has. */
const DONE_BY_NODE = ["/freeze", "/unfreeze", "/fsfreeze", "/fsthaw", "/collapse", "/upgrade"];

export function controlRoutes(envd: Envd): readonly Route[] {
  const init = initHandler(envd);
  return [
    {
      method: "GET",
      path: "/health",
      isOpen: true,
      handler: () => new Response(null, { status: 204, headers: { "cache-control": "no-store" } }),
    },
    { method: "GET", path: "/metrics", isOpen: false, handler: metricsHandler() },
    {
      method: "GET",
      path: "/envs",
      isOpen: false,
      handler: () => Response.json(defaultEnvs(envd.state), { headers: { "cache-control": "no-store" } }),
    },
    { method: "POST", path: "/init", isOpen: true, handler: init },
    ...DONE_BY_NODE.map(
      (path): Route => ({
        method: "POST",
        path,
        isOpen: false,
        handler() {
          throw faults.done_by_node({ route: path });
        },
      }),
    ),
  ];
}
