// Everything around client-proxy, small and real: Redis, an api that answers ResumeSandbox, a node proxy with a guest.
import { mkdtemp, rm } from "node:fs/promises";
import http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { SandboxService } from "@sandlot/contracts/proxy";
import { parseTarget, refusals, renderRefusal, type SandboxProxy, startProxy } from "@sandlot/proxy";
import { openState, type State } from "@sandlot/state";
import { silentLogger } from "@sandlot/telemetry";
import { type ClientProxy, startClientProxy } from "../src/index";

export type Resumes = (sandboxId: string, context: HandlerContext) => Promise<string> | string;

export type Cloud = AsyncDisposable & {
  readonly state: State;
  readonly node: SandboxProxy;
  readonly proxy: ClientProxy;
  readonly redis: Bun.Subprocess;
  /** Sandboxes that run on the node. */
  readonly running: Set<string>;
  /** Headers of the requests that the guest has seen. */
  readonly seen: Headers[];
  resume: Resumes;
  put(sandboxId: string): Promise<void>;
  /** As the api and the node do it: node first, then the route. */
  kill(sandboxId: string): Promise<void>;
};

export async function startCloud(): Promise<Cloud> {
  await using held = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sandlot-client-proxy-"));
  held.defer(() => rm(folder, { recursive: true, force: true }));
  const redis = Bun.spawn(["redis-server", "--port", "0", "--unixsocket", `${folder}/redis.sock`, "--save", ""], {
    stdout: "ignore",
  });
  held.defer(async () => {
    redis.kill(9);
    await redis.exited;
  });
  const redisUrl = `redis+unix://${folder}/redis.sock`;
  while (
    !(await Bun.file(`${folder}/redis.sock`)
      .stat()
      .catch(() => undefined))
  )
    await Bun.sleep(10);
  const state = held.use(openState({ redisUrl }));
  const running = new Set<string>();
  const seen: Headers[] = [];
  const guest = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch(request) {
      seen.push(new Headers(request.headers));
      if (new URL(request.url).pathname !== "/stream") return new Response("hello");
      return new Response(
        new ReadableStream({
          async pull(controller) {
            controller.enqueue("tick\n");
            await Bun.sleep(20);
          },
        }),
      );
    },
  });
  held.defer(() => guest.stop(true));
  const node = held.use(startNode(running, guest.port as number));
  const api = startApi((id, context) => cloud.resume(id, context));
  held.defer(api.stop);
  const proxy = await startClientProxy(
    {
      listenHost: "127.0.0.1",
      healthListenHost: "127.0.0.1",
      domain: "sandlot.test",
      edge: undefined,
      nameServer: undefined,
      findsSigners: false,
      ssh: undefined,
      proxyPort: 0,
      healthPort: 0,
      redisUrl,
      apiAddress: `127.0.0.1:${await api.port}`,
      orchestratorProxyPort: node.port,
      drainWaitMs: 0,
      drainMaxMs: 200,
      logLevel: "silent",
    },
    { logger: silentLogger },
  );
  held.use(proxy);
  const all = held.move();
  const put = (sandboxId: string) =>
    state.catalog.put(sandboxId, {
      orchestratorId: "node-1",
      orchestratorIp: "127.0.0.1",
      executionId: sandboxId,
      startedAtMs: Date.now(),
      maxLengthHours: 1,
    });
  const cloud: Cloud = {
    state,
    node,
    proxy,
    redis,
    running,
    seen,
    resume: () => {
      throw new ConnectError("no such sandbox", Code.NotFound);
    },
    async put(sandboxId) {
      running.add(sandboxId);
      await put(sandboxId);
    },
    async kill(sandboxId) {
      running.delete(sandboxId);
      node.cut(sandboxId);
      await state.catalog.remove(sandboxId, sandboxId);
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
  return cloud;
}

function startNode(running: ReadonlySet<string>, guestPort: number): SandboxProxy {
  return startProxy(
    { listenHost: "127.0.0.1", listenPort: 0 },
    {
      logger: silentLogger,
      decide(request) {
        const target = parseTarget(request.host, request.headers);
        if (typeof target === "string") throw new Error(target);
        const { sandboxId, port } = target;
        if (!running.has(sandboxId)) {
          return { kind: "answer", answer: renderRefusal(refusals.notFound(sandboxId), request.headers) };
        }
        return {
          kind: "forward",
          address: "127.0.0.1",
          port: port === 1 ? 1 : guestPort,
          key: sandboxId,
          keepAlive: false,
          onFailure: () => renderRefusal(refusals.portClosed(sandboxId, port), request.headers),
        };
      },
    },
  );
}

function startApi(resume: Resumes): { port: Promise<number>; stop: () => void } {
  const server = http2.createServer(
    connectNodeAdapter({
      routes: (router) =>
        router.service(SandboxService, {
          resumeSandbox: async ({ sandboxId }, context) => ({ orchestratorIp: await resume(sandboxId, context) }),
        }),
    }),
  );
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => sessions.add(session));
  const port = new Promise<number>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
  );
  return {
    port,
    stop() {
      for (const session of sessions) session.destroy();
      server.close();
    },
  };
}
