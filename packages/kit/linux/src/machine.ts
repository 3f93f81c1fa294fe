/** Settings of the machine (or of its namespaces) and of this process. */
import { cString, syscall, trySyscall } from "./syscall";

const CLOCK_REALTIME = 0;
const NS_PER_SECOND = 1_000_000_000n;

/** @throws SyscallError `EPERM` without CAP_SYS_ADMIN over the UTS namespace */
export function setHostname(name: string): void {
  syscall("sethostname", cString(name), Buffer.byteLength(name));
}

/** @throws SyscallError `EPERM` in a container: the wall clock belongs to the host */
export function setWallClock(nowNs: bigint): void {
  syscall("clock_settime", CLOCK_REALTIME, new BigInt64Array([nowNs / NS_PER_SECOND, nowNs % NS_PER_SECOND]));
}

/** Nice value of this process, -20 to 19. The raw call answers 20 - nice, so that errors stand apart. */
export function ownNice(): number {
  const answer = trySyscall("getpriority", 0, 0);
  return answer > 0 ? 20 - answer : 0;
}
