/** Ports bound only to loopback, offered on the address by which the sandbox is reached. behaviour.md §2.7. */
import { readdirSync } from "node:fs";
import { isErrno, listTcpListeners } from "@sandlot/linux";
import type { Logger } from "@sandlot/telemetry";
import { FORWARDER_BUSY_GAP_MS, FORWARDER_BUSY_MS, FORWARDER_IDLE_GAP_MS } from "../limits";
import { startPortForward } from "./port-forward";
import { wantedPorts } from "./wanted";

export type Forwarder = Disposable & {
  /** Somebody has been started who may come to listen. */
  look(): void;
};

/**
 * Looks at the listening ports while there is anybody who may open or close one. With nobody left in the sandbox but its
 * init and us it rests until `look`: hundreds of sandboxes idle side by side. Undefined when the kernel does not list
 * listeners, or `address` is empty.
 */
export function startForwarder(of: { address: string; log: Logger }): Forwarder | undefined {
  if (of.address === "" || !canList(of.log)) return undefined;
  const running = new Map<number, Disposable & { readonly target: string }>();
  let changedAtMs = 0;
  let timer: Timer | undefined;
  const round = (): void => {
    const areOthers = hasCompany(); // before the ports: who comes later is told of
    if (follow(of, running)) changedAtMs = performance.now();
    const isBusy = performance.now() - changedAtMs < FORWARDER_BUSY_MS;
    timer = areOthers ? setTimeout(round, isBusy ? FORWARDER_BUSY_GAP_MS : FORWARDER_IDLE_GAP_MS) : undefined;
  };
  round();
  return {
    look() {
      timer ??= setTimeout(round, FORWARDER_BUSY_GAP_MS);
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const forward of running.values()) forward[Symbol.dispose]();
    },
  };
}

/** Whether a process lives, or still waits for its parent, that is neither the sandbox's init nor this one. */
function hasCompany(): boolean {
  try {
    const own = new Set(["1", String(process.pid)]);
    return readdirSync("/proc").some((name) => /^\d/.test(name) && !own.has(name));
  } catch {
    return true; // then nothing is known
  }
}

/** Brings the forwarders in line with what listens now. @returns whether anything changed */
function follow(
  of: { address: string; log: Logger },
  running: Map<number, Disposable & { readonly target: string }>,
): boolean {
  const wanted = wantedPorts({ listeners: listTcpListeners(), address: of.address, own: new Set(running.keys()) });
  let hasChanged = false;
  for (const [port, forward] of running) {
    if (wanted.get(port) === forward.target) continue;
    forward[Symbol.dispose]();
    running.delete(port);
    hasChanged = true;
  }
  for (const [port, target] of wanted) {
    if (running.has(port)) continue;
    try {
      running.set(port, { target, ...startPortForward({ address: of.address, port, target }) });
      hasChanged = true;
    } catch (thrown) {
      // The address may come with the network; a taken port is looked at again next round.
      if (!isErrno(thrown, "EADDRNOTAVAIL", "EADDRINUSE")) of.log.warn("port not forwarded", { thrown, port });
    }
  }
  return hasChanged;
}

function canList(log: Logger): boolean {
  try {
    listTcpListeners();
    return true;
  } catch (thrown) {
    log.warn("ports bound to loopback are not forwarded: the kernel does not list listeners", { thrown });
    return false;
  }
}
