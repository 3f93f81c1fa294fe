/** The way out of one slot: listens there for what the slot's rules redirect, and holds what its sandbox's policy is now. */
import type { EgressPolicy } from "@sandlot/domain";
import { NetworkNamespace, originalDestination } from "@sandlot/linux";
import { EGRESS_PORT, type Slot } from "@sandlot/network";
import type { TCPSocketListener } from "bun";
import { serveConnection } from "./connection";
import type { EgressConfig, EgressParts } from "./egress";
import { FlowLog } from "./flow-log";
import { type CompiledPolicy, compilePolicy } from "./judge";
import { limits } from "./limits";
import type { OutParts } from "./route-out";
import type { Authority } from "./tls/authority";
import { type Intercepted, Interceptor, type InterceptorParts } from "./tls/interceptor";
import { type ValueOwner, Values } from "./values/values";
import { WIRED, Wire, type WireData } from "./wire/wire";

/** What a connection needs of its gate. */
export type GateParts = OutParts &
  Pick<InterceptorParts, "log" | "keep"> & {
    readonly allowsPlainHttp: boolean;
    /** Where the inner side for this destination listens. */
    readonly innerSide: (of: Intercepted) => Promise<string>;
  };

export type GateNeeds = EgressParts & {
  readonly config: EgressConfig;
  readonly authority: Authority;
  /** Of all gates together: whether one more connection may be open. Dispose of what it gives when it is closed. */
  readonly enter: () => Disposable | undefined;
};

export class Gate implements Disposable {
  readonly #namespace: NetworkNamespace;
  readonly #log = new FlowLog();
  readonly #wires = new Set<Wire>();
  readonly #inner = new Map<string, Promise<Interceptor>>();
  readonly #needs: GateNeeds;
  readonly #parts: GateParts;
  #listener: TCPSocketListener<WireData> | undefined;
  #policy: CompiledPolicy;
  #open = 0;

  /** @throws SyscallError when the slot's namespace is gone, Fault `network_bad_cidr` */
  constructor(slot: Pick<Slot, "netnsPath">, of: { owner: ValueOwner; policy: EgressPolicy }, needs: GateNeeds) {
    this.#policy = compilePolicy(of.policy);
    this.#needs = needs;
    this.#namespace = new NetworkNamespace(slot.netnsPath);
    const { resolve, isForbidden, ask, clock, config } = needs;
    this.#parts = {
      ...{ resolve, isForbidden, namespace: this.#namespace, log: this.#log },
      values: new Values(of.owner, { ask, clock }),
      policy: () => this.#policy,
      keep: (wire) => this.#keep(wire),
      allowsPlainHttp: config.allowsPlainHttpRules,
      innerSide: async (intercepted) => (await this.#innerSide(intercepted)).path,
    };
  }

  /** New connections are judged by this from now on; open ones go on. */
  set policy(policy: EgressPolicy) {
    const before = this.#policy;
    this.#policy = compilePolicy(policy);
    for (const name of before.rules.keys()) if (!this.#policy.rules.has(name)) this.#forgetInner(name);
  }

  get isListening(): boolean {
    return this.#listener !== undefined;
  }

  listen(): void {
    this.#listener ??= this.#namespace.run(() =>
      Bun.listen<WireData>({
        hostname: "0.0.0.0",
        port: EGRESS_PORT,
        allowHalfOpen: true,
        data: {},
        socket: { ...WIRED, open: (socket) => this.#accept(new Wire(socket)) },
      }),
    );
  }

  /** Takes no more connections; open ones go on. */
  shut(): void {
    this.#listener?.stop(false);
    this.#listener = undefined;
  }

  flows(limit: number) {
    return this.#log.newest(limit);
  }

  /** Cuts everything. */
  [Symbol.dispose](): void {
    this.#listener?.stop(true);
    this.#listener = undefined;
    for (const wire of [...this.#wires]) wire.terminate();
    for (const inner of this.#inner.values()) inner.then((one) => one[Symbol.dispose]()).catch(() => undefined);
    this.#namespace[Symbol.dispose]();
  }

  #accept(guest: Wire): void {
    guest.socket.data = { wire: guest };
    const to = originalDestination(fdOf(guest.socket));
    const place = this.#open < limits.connectionsPerSandbox ? this.#needs.enter() : undefined;
    if (to === undefined || place === undefined) {
      if (to !== undefined)
        this.#log.add({ atMs: Date.now(), ...to, reason: "too_many_connections", endedAtMs: Date.now() });
      guest.terminate();
      place?.[Symbol.dispose]();
      return;
    }
    this.#open += 1;
    guest.onceClosed(() => {
      this.#open -= 1;
      place[Symbol.dispose]();
    });
    this.#keep(guest);
    // What it says before anybody listens must wait, not vanish.
    guest.pause();
    guest.socket.setNoDelay(true);
    guest.socket.setKeepAlive(true, limits.keepAliveMs);
    void serveConnection(this.#parts, guest, to);
  }

  #keep(wire: Wire): void {
    if (wire.isClosed) return;
    this.#wires.add(wire);
    wire.onceClosed(() => this.#wires.delete(wire));
  }

  #innerSide(of: Intercepted): Promise<Interceptor> {
    // The address matters only where a name's own addresses must be allowed, and is judged again each time.
    const key = `${of.name}:${of.port}:${of.isNameAllowed}`;
    const found = this.#inner.get(key);
    if (found !== undefined) return found;
    const { authority, config } = this.#needs;
    const { runDir, extraRoots } = config;
    const made = Interceptor.start({ ...this.#parts, authority, runDir, extraRoots }, of);
    this.#inner.set(key, made);
    made.catch(() => this.#inner.delete(key));
    return made;
  }

  #forgetInner(name: string): void {
    for (const [key, inner] of this.#inner)
      if (key.startsWith(`${name}:`)) {
        this.#inner.delete(key);
        // Its open connections go on, without the rule.
        inner.then((one) => one.shut()).catch(() => undefined);
      }
  }
}

/** Bun's sockets have it, its types do not. */
function fdOf(socket: object): number {
  return Number(Reflect.get(socket, "fd") ?? -1);
}
