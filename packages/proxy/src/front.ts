import { every, sleep } from "@sandlot/lifetime";
import type { Logger } from "@sandlot/telemetry";
import { ClientConnection, type ConnectionParts } from "./client-connection";
import type { Doorkeeper, Listening } from "./doorkeeper";
import type { ProxyLimits } from "./limits";
import { listenPlain } from "./listen-plain";
import type { Decision, ProxyRequest } from "./proxy-request";
import type { ProxyConfig, SandboxProxy } from "./start-proxy";
import { listenTls, type TlsParts } from "./tls/listen-tls";
import { Tracker } from "./tracker";
import { UpstreamPool } from "./upstream-pool";

const SWEEP_MS = 1_000;

/** The listening side. */
export class Front implements SandboxProxy {
  #listening: Listening | undefined;
  readonly #connections = new Set<ClientConnection>();
  readonly #tracker = new Tracker();
  readonly #pool: UpstreamPool;
  readonly #shared: ConnectionParts;
  readonly #config: ProxyConfig;
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
    this.#shared = shared;
    this.#config = config;
    this.#sweeper = every(
      SWEEP_MS,
      async () => this.#sweep(limits),
      (thrown) => logger.error("sweeping failed", { thrown }),
    );
  }

  #keeper(): Doorkeeper {
    const shared = this.#shared;
    const connections = this.#connections;
    return {
      tcpProbeMs: shared.limits.tcpProbeMs,
      admit(socket) {
        const connection = new ClientConnection(socket, shared);
        if (connections.size >= shared.limits.connections) {
          connection.cut();
          return undefined;
        }
        connections.add(connection);
        return connection;
      },
      onClose(connection, isClean) {
        if (connection === undefined) return;
        connections.delete(connection);
        connection.onClose(isClean);
      },
    };
  }

  /** @throws what the system says when the address is taken */
  listen(): void {
    const { listenHost: host, listenPort: port } = this.#config;
    this.#listening = listenPlain({ host, port, keeper: this.#keeper() });
  }

  /** @throws what the system says when the address is taken */
  async listenTls(tls: TlsParts): Promise<void> {
    const { listenHost: host, listenPort: port } = this.#config;
    const { limits } = this.#shared;
    this.#listening = await listenTls({ host, port, keeper: this.#keeper(), limits, tls });
  }

  get port(): number {
    return this.#listening?.port ?? 0;
  }

  connectionCount(key: string): number {
    return this.#tracker.count(key);
  }

  cut(key: string): number {
    return this.#tracker.cut(key);
  }

  async drain(signal?: AbortSignal): Promise<void> {
    this.#isDraining = true;
    this.#listening?.stop();
    this.#listening?.leaveKept();
    while (this.#connections.size > 0) {
      for (const connection of this.#connections) if (connection.isIdle) connection.cut();
      if (this.#connections.size > 0) await sleep(50, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDraining = true;
    this.#listening?.stop();
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
