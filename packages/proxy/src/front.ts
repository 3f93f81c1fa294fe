import { every, sleep } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import type { Socket, TCPSocketListener } from "bun";
import { ClientConnection, type ConnectionParts } from "./client-connection";
import type { ProxyLimits } from "./limits";
import type { Decision, ProxyRequest } from "./proxy-request";
import type { ProxyConfig, SandboxProxy } from "./start-proxy";
import { Tracker } from "./tracker";
import { UpstreamPool } from "./upstream-pool";

const SWEEP_MS = 1_000;

/** The listening side. */
export class Front implements SandboxProxy {
  readonly #listener: TCPSocketListener<ClientConnection>;
  readonly #connections = new Set<ClientConnection>();
  readonly #tracker = new Tracker();
  readonly #pool: UpstreamPool;
  readonly #sweeper: AsyncDisposable;
  #isDraining = false;

  constructor(
    config: ProxyConfig,
    parts: {
      decide: (request: ProxyRequest) => Decision | Promise<Decision>;
      logger: Logger;
      limits: ProxyLimits;
    },
  ) {
    const { limits, logger } = parts;
    this.#pool = new UpstreamPool(limits.idlePerUpstream);
    const shared: ConnectionParts = {
      limits,
      tracker: this.#tracker,
      pool: this.#pool,
      nowMs: Date.now,
      decide: parts.decide,
      onBug: (thrown) => logger.error("a request could not be decided on", { thrown }),
      isDraining: () => this.#isDraining,
    };
    this.#listener = this.#listen(config, shared);
    this.#sweeper = every(
      SWEEP_MS,
      async () => this.#sweep(limits),
      (thrown) => logger.error("sweeping failed", { thrown }),
    );
  }

  #listen(config: ProxyConfig, shared: ConnectionParts): TCPSocketListener<ClientConnection> {
    const connections = this.#connections;
    return Bun.listen<ClientConnection>({
      hostname: config.listenHost,
      port: config.listenPort,
      socket: {
        open(socket: Socket<ClientConnection>) {
          const connection = new ClientConnection(socket, shared);
          socket.data = connection;
          if (connections.size >= shared.limits.connections) return connection.cut();
          connections.add(connection);
          socket.setNoDelay(true);
          socket.setKeepAlive(true, shared.limits.tcpProbeMs);
        },
        data: (socket, bytes) => socket.data.onBytes(bytes),
        drain: (socket) => socket.data?.onDrain(),
        close(socket, error) {
          connections.delete(socket.data);
          socket.data?.onClose(error === undefined || error === null);
        },
        error: () => undefined, // `close` follows and tells
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  connectionCount(key: string): number {
    return this.#tracker.count(key);
  }

  cut(key: string): number {
    return this.#tracker.cut(key);
  }

  async drain(signal?: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#listener.stop(false);
    while (this.#connections.size > 0) {
      for (const connection of this.#connections) if (connection.isIdle) connection.cut();
      if (this.#connections.size > 0) await sleep(50, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    this.#listener.stop(false);
    await this.#sweeper[Symbol.asyncDispose]();
    for (const connection of [...this.#connections]) connection.cut();
    this.#pool.sweep(Number.POSITIVE_INFINITY);
  }

  #sweep(limits: ProxyLimits): void {
    const nowMs = Date.now();
    for (const connection of this.#connections) connection.checkDeadline(nowMs);
    this.#pool.sweep(nowMs - limits.upstreamIdleMs);
  }
}
