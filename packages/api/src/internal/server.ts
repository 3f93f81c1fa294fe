/** gRPC for the other services of the installation, over cleartext HTTP/2. */
import { createServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { AddressInfo } from "node:net";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { SandboxService } from "@sandlot/contracts/proxy";
import { toConnect } from "@sandlot/faults/wire";
import type { SandboxParts } from "../sandboxes/parts";
import { valueRoutes } from "../secrets/resolve-values";
import { authorizeSsh } from "./authorize-ssh";
import { findSigner } from "./find-signer";
import { resumeSandbox, visitorOf } from "./resume-sandbox";

export type InternalServer = AsyncDisposable & { readonly address: string };

export async function startInternalServer(of: {
  host: string;
  port: number;
  parts: SandboxParts;
  nodeToken: string;
}): Promise<InternalServer> {
  const { vault, identity } = of.parts;
  const routes = (router: ConnectRouter): void => {
    if (vault !== undefined && identity !== undefined && of.nodeToken !== "")
      valueRoutes({ ...of.parts, vault, identity, nodeToken: of.nodeToken })(router);
    router.service(SandboxService, {
      resumeSandbox: ({ sandboxId }, { requestHeader }) =>
        answered(async () => ({
          orchestratorIp: await resumeSandbox(of.parts, sandboxId, visitorOf(requestHeader)),
        })),
      findSigner: (file) => answered(async () => ({ sandboxId: await findSigner(of.parts, file) })),
      authorizeSsh: (asked) => answered(async () => ({ envdAccessToken: await authorizeSsh(of.parts, asked) })),
    });
  };
  const server = createServer(connectNodeAdapter({ routes }));
  const sessions = new Set<ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
  });
  const { port } = await listen(server, of);
  return {
    address: `${of.host}:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

async function answered<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw toConnect(thrown);
  }
}

function listen(server: Http2Server, { host, port }: { host: string; port: number }): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve(server.address() as AddressInfo));
  });
}
