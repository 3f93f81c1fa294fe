/** Ways into a live machine. Each end serves one caller at a time, so they are taken for one matter and given back. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { KeyedLock } from "@sandlot/lifetime";
import { connectAgent, type GuestAgent, unixSocketStream } from "@sandlot/runtime-microvm";
import { connectQmp, type Qmp } from "./qmp";

export type Sessions = {
  /** @throws Fault `qemu_monitor_gone`, `qemu_monitor_silent` */
  withQmp<T>(work: (qmp: Qmp) => Promise<T>): Promise<T>;
  /** @throws Fault `microvm_agent_gone`, `microvm_agent_silent` */
  withAgent<T>(work: (agent: GuestAgent) => Promise<T>, withinMs: number): Promise<T>;
};

/** @param dir the machine's, which holds `qmp.sock` and `agent.sock` */
export function openSessions(dir: string): Sessions {
  const lock = new KeyedLock();
  return {
    withQmp: (work) =>
      lock.run("qmp", () =>
        atShortPath(dir, "qmp.sock", async (path) => {
          using qmp = await connectQmp(path);
          return await work(qmp);
        }),
      ),
    withAgent: (work, withinMs) =>
      lock.run("agent", () =>
        atShortPath(dir, "agent.sock", async (path) => {
          await using agent = await connectAgent(
            { connect: unixSocketStream(path), withinMs },
            new AbortController().signal,
          );
          return await work(agent);
        }),
      ),
  };
}

/** The path of a socket has room for 107 bytes only; a machine's directory may be deeper. */
async function atShortPath<T>(dir: string, name: string, work: (path: string) => Promise<T>): Promise<T> {
  await using held = await open(dir, "r");
  return await work(join(`/proc/self/fd/${held.fd}`, name));
}
