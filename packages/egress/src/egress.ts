/** The node's egress proxy: one gate per sandbox whose connections must be looked into, nothing for the others. */
import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type EgressPolicy, needsProxy } from "@sandlot/domain";
import { type Clock, systemClock } from "@sandlot/lifetime";
import type { Slot } from "@sandlot/network";
import { type Logger, silentLogger } from "@sandlot/telemetry";
import type { Flow } from "./flow-log";
import { Gate } from "./gate";
import { limits } from "./limits";
import { ensureAuthority } from "./tls/authority";
import type { AskValues, ValueOwner } from "./values/values";

export type EgressConfig = {
  /** Key and certificate of the installation's egress authority; made if it is not there. */
  readonly authorityFile: string;
  /** A directory of our own for sockets. */
  readonly runDir: string;
  /** PEM of authorities that destinations may be vouched for by, beside the usual ones. */
  readonly extraRoots: string | undefined;
  /** Whether headers are set on requests without TLS too, where anybody on the way can read them. */
  readonly allowsPlainHttpRules: boolean;
};

export type EgressParts = {
  /** IPv4 addresses of a name. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Whether no guest may reach the address, whatever its policy. */
  readonly isForbidden: (address: string) => boolean;
  readonly ask: AskValues;
  readonly log: Logger;
  readonly clock: Clock;
};

export type Egress = Disposable & {
  /** The authority that guests with header rules must trust. */
  readonly certPem: string;
  /**
   * Has the policy judge what the slot's rules redirect from now on. Before the slot's rules redirect anything, and after they
   * no longer do where nothing needs to be judged.
   */
  put(slot: Slot, of: { owner: ValueOwner; policy: EgressPolicy }): void;
  /** Cuts everything that goes through the slot's gate and forgets it. Before the slot is given back. */
  drop(slot: Slot): void;
  /** The newest connections; nothing is kept of sandboxes that never had a gate. */
  list(slot: Slot, limit: number): { readonly isProxied: boolean; readonly flows: readonly Flow[] };
};

/** @throws Fault `egress_authority_unusable` */
export async function startEgress(
  config: EgressConfig,
  given: Pick<EgressParts, "resolve" | "isForbidden" | "ask"> & Partial<EgressParts>,
): Promise<Egress> {
  const parts: EgressParts = { log: silentLogger, clock: systemClock, ...given };
  const authority = await ensureAuthority(config.authorityFile, parts.clock);
  mkdirSync(config.runDir, { recursive: true, mode: 0o700 });
  chmodSync(config.runDir, 0o700);
  // Those of a run that was killed.
  for (const name of readdirSync(config.runDir))
    if (name.endsWith(".sock")) rmSync(join(config.runDir, name), { force: true });
  const gates = new Map<number, { readonly leaseId: number; readonly gate: Gate }>();
  let open = 0;
  const enter = (): Disposable | undefined => {
    if (open >= limits.connections) return undefined;
    open += 1;
    return {
      [Symbol.dispose]: () => {
        open -= 1;
      },
    };
  };
  const gateOf = (slot: Slot): Gate | undefined => {
    const found = gates.get(slot.index);
    return found?.leaseId === slot.leaseId ? found.gate : undefined;
  };
  const drop = (slot: Slot): void => {
    const gate = gateOf(slot);
    if (gate === undefined) return;
    gates.delete(slot.index);
    gate[Symbol.dispose]();
  };
  return {
    certPem: authority.certPem,
    put(slot, of) {
      let gate = gateOf(slot);
      const isNeeded = needsProxy(of.policy);
      if (gate === undefined) {
        if (!isNeeded) return;
        gate = new Gate(slot, of, { ...parts, config, authority, enter });
        gates.set(slot.index, { leaseId: slot.leaseId, gate });
      } else gate.policy = of.policy;
      if (isNeeded) gate.listen();
      else gate.shut();
    },
    drop,
    list: (slot, limit) => {
      const gate = gateOf(slot);
      return { isProxied: gate?.isListening ?? false, flows: gate?.flows(limit) ?? [] };
    },
    [Symbol.dispose]() {
      for (const { gate } of gates.values()) gate[Symbol.dispose]();
      gates.clear();
    },
  };
}
