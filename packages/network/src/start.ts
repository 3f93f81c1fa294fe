/** The wiring of a node's network: host's side, guest resolver, slots. */
import { type Clock, systemClock } from "@sandlot/lifetime";
import { type Logger, silentLogger } from "@sandlot/telemetry";
import { ALWAYS_DENIED } from "./address/denied";
import { planNetwork, RESOLVER_PORT } from "./address/plan";
import { parseAddress } from "./address/ranges";
import { startGuestResolver } from "./dns/resolver";
import { readUpstreams } from "./dns/upstreams";
import { networkFaults } from "./faults";
import { limits } from "./limits";
import { findSlots, readUplink } from "./root/host";
import { removeRootNetwork, startRootNetwork } from "./root/network";
import type { PredefinedAllow } from "./root/table";
import type { SlotPool } from "./slot";
import { destroySlots } from "./slots/make";
import { Pool } from "./slots/pool";
import type { Throttle } from "./slots/table";

export type SlotPoolConfig = {
  /** Four of a-z and 0-9; in every name that we make. */
  readonly tag: string;
  /** Range of the slots' addresses, e.g. 10.12.0.0/16; no one else on the host may route it. */
  readonly slotCidr: string;
  /** Fresh slots kept in stock. */
  readonly poolSize: number;
  /** Slots at most, stock included. */
  readonly maxSlots: number;
  /** Link whose MTU the slots take; by default that of the default route. */
  readonly uplink?: string;
  /** `ip` or `ip:port`, asked in this order; by default the host's own resolv.conf. */
  readonly dnsUpstreams?: readonly string[];
  /** `ip:port` of TCP services in denied ranges that guests may reach all the same, such as the corporate proxy. They stay
   * subject to a sandbox's own rules, so that a sandbox without internet cannot use the proxy either. */
  readonly predefinedAllows?: readonly string[];
  /** TCP ports that no guest may dial outside; by default 25, against spam. */
  readonly deniedTcpPorts?: readonly number[];
  /** What one sandbox may use at most; by default 8192 connections and nothing else. */
  readonly throttle?: Partial<Throttle>;
};

/**
 * Starts everything that guests need of the network on this node and returns the pool of slots. Slots of an earlier run
 * are left alone until `sweep` and `adopt` decide about them. Disposing stops the resolver and the refilling and leaves
 * all slots as they are, for the next run to adopt; `removeAll` takes everything away.
 * @throws Fault `network_bad_config`, `network_cidr_taken`, `network_command_failed`
 */
export async function startSlotPool(
  config: SlotPoolConfig,
  parts: { log?: Logger; clock?: Clock } = {},
): Promise<SlotPool> {
  const { log = silentLogger, clock = systemClock } = parts;
  const plan = planNetwork(config);
  const predefined = (config.predefinedAllows ?? []).map(parsePredefined);
  const uplink = await readUplink(config.uplink ?? "auto");
  await using held = new AsyncDisposableStack();
  const root = held.use(await startRootNetwork({ plan, predefined, log }));
  const resolver = held.use(
    await startGuestResolver(
      { address: plan.resolverAddress, port: RESOLVER_PORT, upstreams: await readUpstreams(config.dnsUpstreams) },
      { log: log.room("dns"), clock },
    ),
  );
  const mtu = uplink?.mtu ?? 1500;
  const { poolSize } = config;
  const deniedTcpPorts = config.deniedTcpPorts ?? [25];
  const throttle = { flows: limits.flowsPerSlot, newFlowsPerSecond: 0, kibPerSecond: 0, ...config.throttle };
  const recipe = () => ({ plan, mtu, predefined, deniedTcpPorts, throttle, denied: root.denied() });
  const { names } = resolver;
  const pool = new Pool({ plan, poolSize, mtu, recipe, names, log, clock }, await findSlots(plan.tag));
  held.defer(() => pool.close());
  const whole = held.move();
  return {
    lease: (signal) => pool.lease(signal),
    adopt: async (index) => pool.adopt(index),
    applyEgress: (slot, policy) => pool.applyEgress(slot, policy),
    release: (slot) => pool.release(slot),
    sweep: (keep) => pool.sweep(keep),
    counts: () => pool.counts(),
    resolve: (name) => resolver.resolve(name),
    isForbidden: (address) => {
      const at = parseAddress(address);
      const ranges = [...ALWAYS_DENIED, ...root.denied(), plan.slotRange];
      return at === undefined || ranges.some(({ first, last }) => first <= at && at <= last);
    },
    async removeAll() {
      await whole.disposeAsync();
      await removeNetwork(config);
    },
    [Symbol.asyncDispose]: () => whole.disposeAsync(),
  };
}

/**
 * Removes everything on this host that carries the tag: namespaces, links, routes, the nft table, and the change to
 * ip_forward. Found by name, so it works without a pool, after a crash, and when half of it is gone. Idempotent.
 */
export async function removeNetwork(of: { tag: string; slotCidr: string }): Promise<void> {
  const plan = planNetwork({ ...of, maxSlots: 1 });
  const indexes = [...(await findSlots(plan.tag))];
  for (let start = 0; start < indexes.length; start += 32) await destroySlots(indexes.slice(start, start + 32), plan);
  await removeRootNetwork(plan.tag);
}

/** @throws Fault `network_bad_config` */
function parsePredefined(text: string): PredefinedAllow {
  const [address = "", portText = "", ...rest] = text.split(":");
  const port = /^[1-9]\d{0,4}$/.test(portText) ? Number(portText) : 0;
  if (parseAddress(address) === undefined || port < 1 || port > 65_535 || rest.length > 0)
    throw networkFaults.bad_config({ problem: `a predefined allow must be ip:port, got ${text}` });
  return { address, port };
}
