/** What this kernel can do, and which way is taken where it cannot. Pure: facts in, findings out. */
import { KERNEL_FLOOR, nameOf } from "../host/fitness";
import { type Finding, good, note, problem } from "./finding";

export type KernelFacts = {
  readonly uid: number;
  readonly arch: string;
  readonly kernel: string;
  readonly osRelease: string;
  readonly isDebianKin: boolean;
  readonly filesystems: readonly string[];
  readonly hasUserNamespaces: boolean;
  readonly hasLoopControl: boolean;
  /** Loop devices there are and in use; more are made when asked for. */
  readonly loops: { readonly made: number; readonly used: number };
  /** Lines of /proc/self/mountinfo, and the words of v2's cgroup.controllers. */
  readonly mountinfo: string;
  readonly v2Controllers: readonly string[];
  readonly hasKvm: boolean;
  readonly hasIpv6Loopback: boolean;
};

const CONTROLLERS = ["memory", "cpu", "pids"];

export function judgeKernel(of: KernelFacts): Finding[] {
  const isAtLeast = (major: number, minor: number): boolean => {
    const [haveMajor = 0, haveMinor = 0] = of.kernel.split(/[.-]/).map(Number);
    return haveMajor > major || (haveMajor === major && haveMinor >= minor);
  };
  const [major, minor] = KERNEL_FLOOR;
  const findings: Finding[] = [
    of.uid === 0 ? good("user", "root") : problem("user", `uid ${of.uid}, not root`, "run it with sudo"),
    of.isDebianKin
      ? good("distribution", nameOf(of.osRelease))
      : problem("distribution", nameOf(of.osRelease), "use Debian or Ubuntu: packages are installed with apt"),
    of.arch === "x64" || of.arch === "arm64"
      ? good("processor", of.arch)
      : problem("processor", of.arch, "use a machine with x86_64 or arm64"),
    isAtLeast(major, minor)
      ? good("kernel", `Linux ${of.kernel}`)
      : problem("kernel", `Linux ${of.kernel}`, `use Linux ${major}.${minor} or newer`),
    isAtLeast(major, minor)
      ? good("idmapped mounts", "layers are shared by all sandboxes, each with its own range of ids")
      : problem("idmapped mounts", "overlays of this kernel take none", `use Linux ${major}.${minor} or newer`),
  ];
  for (const name of ["overlay", "erofs"]) {
    findings.push(
      of.filesystems.includes(name)
        ? good(name, "the kernel has it")
        : problem(name, "the kernel has no such filesystem", `modprobe ${name}`),
    );
  }
  findings.push(
    isAtLeast(6, 12)
      ? good("layers", "mounted straight from their files")
      : note("layers", `mounted through loop devices, since files can be mounted from 6.12 on`),
    isAtLeast(6, 13)
      ? good("overlays", "made of descriptors")
      : note("overlays", "made by paths, since lowerdir+ takes descriptors from 6.13 on"),
    of.hasUserNamespaces
      ? good("user namespaces", "the kernel has them")
      : problem("user namespaces", "turned off", "sysctl -w user.max_user_namespaces=65536"),
    of.hasLoopControl
      ? good("loop devices", `${of.loops.used} in use of ${of.loops.made}; more are made when needed`)
      : problem("loop devices", "/dev/loop-control is missing", "modprobe loop"),
    judgeCgroups(of),
    of.hasIpv6Loopback
      ? good("IPv6", "servers that listen only on ::1 inside a sandbox are reached too")
      : note("IPv6", "turned off on this host: servers inside a sandbox cannot listen on ::1"),
    note("/dev/kvm", `${of.hasKvm ? "is there" : "is missing"}; not used by containers`),
  );
  return findings;
}

/** Which hierarchies there are, and which of them limits sandboxes. */
export function judgeCgroups(of: Pick<KernelFacts, "mountinfo" | "v2Controllers">): Finding {
  const mounts = of.mountinfo.split("\n").map((line) => (line.split(" - ")[1] ?? "").split(" "));
  const hasV2 = mounts.some(([type]) => type === "cgroup2");
  const inV1 = new Set(mounts.flatMap(([type, , options]) => (type === "cgroup" ? (options?.split(",") ?? []) : [])));
  if (CONTROLLERS.every((name) => of.v2Controllers.includes(name)))
    return good("cgroups", "v2 limits, freezes and ends sandboxes");
  const missing = CONTROLLERS.filter((name) => !inV1.has(name));
  if (missing.length > 0) {
    const cure = missing.includes("memory")
      ? "boot with cgroup_enable=memory"
      : "boot with systemd.unified_cgroup_hierarchy=1";
    return problem("cgroups", `no controller for ${missing.join(", ")}`, cure);
  }
  return hasV2
    ? good("cgroups", "hybrid: v1 limits sandboxes, v2 freezes and ends them")
    : good("cgroups", "v1 alone: it limits and freezes sandboxes, which end by their PID 1");
}
