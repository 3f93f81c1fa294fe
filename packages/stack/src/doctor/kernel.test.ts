import { expect, test } from "bun:test";
import type { Finding } from "./finding";
import { judgeCgroups, judgeKernel, type KernelFacts } from "./kernel";

const mount = (type: string, options: string): string =>
  `25 30 0:23 / /sys/fs/cgroup rw - ${type} ${type} rw,${options}`;
const V2 = { mountinfo: mount("cgroup2", "nsdelegate"), v2Controllers: ["cpuset", "cpu", "io", "memory", "pids"] };

const CURRENT: KernelFacts = {
  uid: 0,
  arch: "x64",
  kernel: "6.18.2-amd64",
  osRelease: 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n',
  isDebianKin: true,
  filesystems: ["overlay", "erofs", "ext4"],
  hasUserNamespaces: true,
  hasLoopControl: true,
  loops: { made: 8, used: 2 },
  ...V2,
  hasKvm: false,
  hasIpv6Loopback: true,
};

const about = (topic: string, change: Partial<KernelFacts>): Finding => {
  const found = judgeKernel({ ...CURRENT, ...change }).find((finding) => finding.topic === topic);
  if (found === undefined) throw new Error(`nothing is said of ${topic}`);
  return found;
};

test("a current host lacks nothing, and /dev/kvm is told to be of no use", () => {
  expect(judgeKernel(CURRENT).filter(({ state }) => state === "problem")).toEqual([]);
  expect(about("/dev/kvm", { hasKvm: true }).says).toBe("is there; not used by containers");
});

test.each([
  ["user", { uid: 1000 }, "sudo"],
  ["distribution", { isDebianKin: false, osRelease: 'PRETTY_NAME="Fedora Linux 41"' }, "Debian"],
  ["processor", { arch: "ia32" }, "arm64"],
  ["kernel", { kernel: "5.15.0-100-generic" }, "5.19"],
  ["idmapped mounts", { kernel: "5.18.1" }, "5.19"],
  ["erofs", { filesystems: ["overlay"] }, "modprobe erofs"],
  ["overlay", { filesystems: ["erofs"] }, "modprobe overlay"],
  ["user namespaces", { hasUserNamespaces: false }, "sysctl"],
  ["loop devices", { hasLoopControl: false }, "modprobe loop"],
  ["cgroups", { mountinfo: "", v2Controllers: [] }, "boot with"],
] as const)("%s missing is a problem with a cure", (topic, change, word) => {
  expect(about(topic, change)).toMatchObject({ state: "problem", cure: expect.stringContaining(word) });
});

test("older kernels take the older ways, which is no problem", () => {
  expect(about("layers", { kernel: "6.11.0" })).toMatchObject({ state: "note", says: expect.stringContaining("loop") });
  expect(about("overlays", { kernel: "6.12.9" })).toMatchObject({
    state: "note",
    says: expect.stringContaining("paths"),
  });
  expect(about("layers", { kernel: "6.12.0" }).state).toBe("good");
});

test("names the cgroups there are and how they are used", () => {
  const v1 = [mount("cgroup", "memory"), mount("cgroup", "cpu,cpuacct"), mount("cgroup", "pids")].join("\n");
  expect(judgeCgroups(V2).says).toStartWith("v2 limits");
  expect(judgeCgroups({ mountinfo: v1, v2Controllers: [] }).says).toStartWith("v1 alone");
  expect(judgeCgroups({ mountinfo: `${v1}\n${V2.mountinfo}`, v2Controllers: [] }).says).toStartWith("hybrid");
  const noMemory = judgeCgroups({ mountinfo: mount("cgroup", "cpu,pids"), v2Controllers: [] });
  expect(noMemory).toMatchObject({ state: "problem", cure: "boot with cgroup_enable=memory" });
});
