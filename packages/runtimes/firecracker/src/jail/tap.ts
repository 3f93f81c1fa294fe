/** The machine's end of its slot: a tap that lives in the slot's namespace and belongs to the machine's user. */
import type { MachineSlot } from "@sandlot/runtime-contract";
import { GUEST_MAC, HOST_MAC } from "@sandlot/runtime-microvm";
import { firecrackerFaults } from "../faults";

const PATH = "/usr/sbin:/sbin:/usr/bin:/bin";
const LINK = /^[A-Za-z0-9_.-]{1,15}$/;

/** Pure. Commands for `ip -batch`; what an earlier machine left of the name has been removed before. */
function planTap(slot: MachineSlot, userId: number): string[] {
  const { hostLink } = slot;
  const [guestAddress, prefix] = slot.guestCidr.split("/");
  return [
    `tuntap add dev ${hostLink} mode tap user ${userId}`,
    // Both addresses are constant: a resumed guest knows its neighbour already, in whichever slot it wakes up.
    `link set dev ${hostLink} address ${HOST_MAC} mtu ${slot.mtu}`,
    `addr add ${slot.guestGateway}/${prefix} dev ${hostLink}`,
    `link set dev ${hostLink} up`,
    `neigh replace ${guestAddress} lladdr ${GUEST_MAC} dev ${hostLink} nud permanent`,
  ];
}

/** @throws Fault `firecracker_network` */
export async function makeTap(slot: MachineSlot, userId: number): Promise<void> {
  if (!LINK.test(slot.hostLink)) throw firecrackerFaults.bad_request({ what: `host link ${slot.hostLink}` });
  await removeTap(slot);
  const failed = await runIp(slot, planTap(slot, userId));
  if (failed !== undefined) throw firecrackerFaults.network({ reason: failed });
}

/** Idempotent; a slot that is gone has taken its links along. */
export async function removeTap(slot: MachineSlot): Promise<void> {
  await runIp(slot, [`link del dev ${slot.hostLink}`]);
}

async function runIp(slot: MachineSlot, commands: readonly string[]): Promise<string | undefined> {
  const child = Bun.spawn(["nsenter", `--net=${slot.netnsPath}`, "ip", "-batch", "-"], {
    stdin: new Blob([`${commands.join("\n")}\n`]),
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH },
  });
  const [reason, exitCode] = await Promise.all([new Response(child.stderr).text(), child.exited]);
  return exitCode === 0 ? undefined : reason.trim();
}
