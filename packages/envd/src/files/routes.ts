/** The REST file calls, as the server takes them. */
import type { Envd } from "../envd";
import type { Route } from "../server";
import { composeFiles } from "./compose";
import { downloadFile } from "./download";
import { uploadFiles } from "./upload";

/** GET and POST /files check a signature for themselves; compose does not and needs the access token. */
export function fileRoutes(envd: Envd): Route[] {
  return [
    {
      method: "GET",
      path: "/files",
      isOpen: true,
      handler: (request, { query }) => downloadFile(request, query, envd),
    },
    {
      method: "POST",
      path: "/files",
      isOpen: true,
      handler: (request, { query }) => uploadFiles(request, query, envd),
    },
    { method: "POST", path: "/files/compose", isOpen: false, handler: (request) => composeFiles(request, envd) },
  ];
}
