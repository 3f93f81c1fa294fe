/** QEMU's command line. The same devices in the same order for a boot and for a restore, or a seal cannot be loaded. */
import { AGENT_PORT, GUEST_MAC, NOTICE_PORT } from "@sandlot/runtime-microvm";
import { AGENT_FD, CONSOLE_FD, FIRST_FILE_FD, NOTICE_FD, type OpenFile, QMP_FD, TAP_FD } from "./descriptors";
import type { Acceleration } from "./journal";
import { limits } from "./limits";

/** Raised whenever a seal of before could not be loaded any more: devices, their order, the machine. */
export const HARDWARE = 1;

/** Where QEMU's own files lie in the tree it sees. */
export const QEMU_IN_TREE = "/usr/bin/qemu-system-x86_64";
export const ROMS_IN_TREE = "/usr/share/qemu";
export const LIBRARY_IN_TREE = "/usr/lib/vm-memory.so";

/** What a bound file is called inside: `/m/<name>`. */
export type BoundName = "kernel" | "initramfs" | "memory";

export type QemuPlan = {
  readonly acceleration: Acceleration;
  readonly cpuModel: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  /** Block nodes below `layers` and `disk`, which the guest sees as vda and vdb; see `block-nodes.ts`. */
  readonly blockNodes: readonly object[];
  readonly disks: readonly ("layers" | "disk")[];
  readonly files: readonly OpenFile[];
  readonly network: boolean;
  readonly from:
    | { readonly kind: "boot"; readonly commandLine: string }
    /** Memory at `/m/memory`, device state when the monitor says so. */
    | { readonly kind: "restore" };
};

export function cpuModelFor(acceleration: Acceleration): string {
  // Without ARAT an idle guest's tick would never stop. Older models lack what envd is compiled for; later ones have
  // wide registers, which are slow in software. No virtualization inside the guest, with either.
  return acceleration === "kvm" ? "host,migratable=on,-vmx,-svm" : "Nehalem-v1,+arat,-vmx";
}

/** Pure. The program first. */
export function qemuCommandLine(plan: QemuPlan): string[] {
  const { from } = plan;
  const memory = { id: "mem0", size: plan.memoryMiB * 1024 * 1024 };
  return [
    QEMU_IN_TREE,
    ...["-name", "sandbox", "-L", ROMS_IN_TREE],
    ...["-M", "microvm,acpi=on,rtc=on,memory-backend=mem0,suppress-vmdesc=on,mem-merge=off"],
    ...["-accel", accelOf(plan)],
    ...["-cpu", plan.cpuModel, "-smp", String(plan.cpuCount), "-m", `${plan.memoryMiB}M`],
    ...["-rtc", "base=utc,clock=host", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-global", "migration.send-configuration=off"],
    "-object",
    JSON.stringify(
      from.kind === "boot"
        ? { "qom-type": "memory-backend-ram", ...memory }
        : { "qom-type": "memory-backend-file", ...memory, "mem-path": "/m/memory", share: false },
    ),
    ...plan.files.flatMap((_, at) => ["-add-fd", `fd=${FIRST_FILE_FD + at},set=${FIRST_FILE_FD + at}`]),
    ...plan.blockNodes.flatMap((node) => ["-blockdev", JSON.stringify(node)]),
    ...plan.disks.flatMap((node) => [
      "-device", // A full disk of the host's is an error inside, not a machine that stands still.
      `virtio-blk-device,drive=${node},id=${node}-device,werror=report,rerror=report`,
    ]),
    ...(plan.network ? ["-netdev", `tap,id=net0,fd=${TAP_FD}`] : []),
    ...(plan.network ? ["-device", `virtio-net-device,netdev=net0,mac=${GUEST_MAC},id=net0-device`] : []),
    ...["-device", "virtio-rng-device", "-device", "virtio-serial-device,id=ports"],
    ...["-chardev", `socket,id=agent,fd=${AGENT_FD},server=on,wait=off`],
    ...["-device", `virtserialport,bus=ports.0,nr=1,chardev=agent,name=${AGENT_PORT}`],
    ...["-chardev", `socket,id=notice,fd=${NOTICE_FD}`],
    ...["-device", `virtserialport,bus=ports.0,nr=2,chardev=notice,name=${NOTICE_PORT}`],
    ...["-chardev", `socket,id=console,fd=${CONSOLE_FD}`, "-serial", "chardev:console"],
    ...["-chardev", `socket,id=qmp,fd=${QMP_FD},server=on,wait=off`, "-mon", "chardev=qmp,mode=control"],
    ...["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ...(from.kind === "boot"
      ? ["-kernel", "/m/kernel", "-initrd", "/m/initramfs", "-append", from.commandLine]
      : ["-incoming", "defer"]),
  ];
}

function accelOf({ acceleration, cpuCount }: QemuPlan): string {
  if (acceleration === "kvm") return "kvm";
  return `tcg,thread=${cpuCount > 1 ? "multi" : "single"},tb-size=${limits.translationMiB}`;
}
