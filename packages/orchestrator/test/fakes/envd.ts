/** The daemon of a guest: who it is told to be, what it holds in memory, and that it answers nothing while frozen. */
import { connect, createServer, type Server, type Socket } from "node:net";

export const ENVD_PORT = 49_983;

/** What of a daemon is in its memory. */
export type FakeMemory = { token: string | undefined; envs: Record<string, string> };

export type FakeEnvd = {
  /** Answers nothing, and keeps what it is asked, until thawed. */
  frozen: PromiseWithResolvers<void> | undefined;
  inits: { body: Record<string, unknown>; status: number }[];
  /** Lifelines that nodes have opened to it so far; see `Lifeline` for how one begins. */
  lifelines: number;
  token: string | undefined;
  envs: Record<string, string>;
  /** The daemon dies and PID 1 starts it anew, without identity. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** Behind a door of its own, since a restart must close every connection, also one that never asked anything. */
export async function startFakeEnvd(address: string, memory?: FakeMemory): Promise<FakeEnvd> {
  const state: FakeMemory = memory ?? { token: undefined, envs: {} };
  const open = new Set<Socket>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const text = await request.text();
      await envd.frozen?.promise;
      const { status, body } = answer(request, text);
      return new Response(body ?? null, { status, headers: { "content-type": "application/json" } });
    },
  });
  let door: Server | undefined;
  async function serve(): Promise<void> {
    door = createServer((socket) => {
      const inner = connect(server.port ?? 0, "127.0.0.1");
      for (const end of [socket, inner]) {
        open.add(end);
        end.on("error", () => undefined);
        end.on("close", () => {
          open.delete(end);
          socket.destroy();
          inner.destroy();
        });
      }
      socket.pipe(inner).pipe(socket);
    });
    await new Promise<void>((resolve) => door?.listen(ENVD_PORT, address, resolve));
  }
  async function stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => (door === undefined ? resolve() : door.close(() => resolve())));
    for (const socket of open) socket.destroy();
    await closed;
    door = undefined;
  }
  function answer(request: Request, text: string): { status: number; body?: string } {
    const { pathname: path } = new URL(request.url);
    if (path === "/health" && request.headers.get("host") === "envd") envd.lifelines += 1;
    if (path === "/health") return { status: 204 };
    if (path === "/init") {
      const body = JSON.parse(text) as Record<string, unknown>;
      const shown = [body.accessToken, request.headers.get("x-access-token")];
      const status = state.token !== undefined && !shown.includes(state.token) ? 401 : 204;
      envd.inits.push({ body, status });
      if (status === 204) {
        state.token = body.accessToken as string | undefined;
        const envs = (body.envVars as Record<string, string> | undefined) ?? state.envs;
        state.envs = { ...envs, E2B_SANDBOX_ID: String(body.sandboxId) };
      }
      return { status };
    }
    if (state.token !== undefined && request.headers.get("x-access-token") !== state.token) return { status: 401 };
    if (path === "/envs") return { status: 200, body: JSON.stringify(state.envs) };
    return { status: 200, body: JSON.stringify({ host: request.headers.get("host"), path }) };
  }
  const envd: FakeEnvd = {
    frozen: undefined,
    inits: [],
    lifelines: 0,
    get token() {
      return state.token;
    },
    get envs() {
      return state.envs;
    },
    async restart() {
      await stop();
      state.token = undefined;
      state.envs = {};
      await Bun.sleep(30);
      await serve();
    },
    async stop() {
      await stop();
      await server.stop(true);
    },
  };
  await serve();
  return envd;
}
