/** The facts that `kernel.ts` judges, of this host. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDebianKin, readHostFacts } from "../host/fitness";
import type { KernelFacts } from "./kernel";

export function readKernel(): KernelFacts {
  const host = readHostFacts();
  const mountinfo = readText("/proc/self/mountinfo");
  const v2At = /^\S+ \S+ \S+ \S+ (\S+) .* - cgroup2 /m.exec(mountinfo)?.[1];
  return {
    ...host,
    isDebianKin: isDebianKin(host.osRelease),
    filesystems: host.filesystems.split("\n").map((line) => line.split("\t").at(-1) ?? ""),
    loops: readLoops(),
    mountinfo,
    v2Controllers: v2At === undefined ? [] : readText(join(v2At, "cgroup.controllers")).trim().split(" "),
    hasKvm: existsSync("/dev/kvm"),
    hasIpv6Loopback: /^0{31}1 /m.test(readText("/proc/net/if_inet6")),
  };
}

function readLoops(): { made: number; used: number } {
  const made = list("/sys/block").filter((name) => /^loop\d+$/.test(name));
  return { made: made.length, used: made.filter((name) => existsSync(`/sys/block/${name}/loop`)).length };
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
