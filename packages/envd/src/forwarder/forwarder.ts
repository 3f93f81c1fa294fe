/** Ports bound only to loopback, offered on the address by which the sandbox is reached. behaviour.md §2.7. */
import { isErrno, listTcpListeners } from "@sandlot/linux";
import type { Logger } from "@sandlot/telemetry";
import { FORWARDER_BUSY_GAP_MS, FORWARDER_BUSY_MS, FORWARDER_IDLE_GAP_MS } from "../limits";
import { startPortForward } from "./port-forward";
import { wantedPorts } from "./wanted";

/** Undefined when the kernel does not list listeners, or `address` is empty. */
export function startForwarder(of: { address: string; log: Logger }): Disposable | undefined {
  if (of.address === "" || !canList(of.log)) return undefined;
  const running = new Map<number, Disposable & { readonly target: string }>();
  let changedAtMs = 0;
  let timer: Timer | undefined;
  const round = (): void => {
    if (follow(of, running)) changedAtMs = performance.now();
    const isBusy = performance.now() - changedAtMs < FORWARDER_BUSY_MS;
    timer = setTimeout(round, isBusy ? FORWARDER_BUSY_GAP_MS : FORWARDER_IDLE_GAP_MS);
  };
  round();
  return {
    [Symbol.dispose]() {
      clearTimeout(timer);
      for (const forward of running.values()) forward[Symbol.dispose]();
    },
  };
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
