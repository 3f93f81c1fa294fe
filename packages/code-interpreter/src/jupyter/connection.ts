/** Where a kernel listens: decided by us, written into the file that it is started with. */
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Address } from "../zmtp/socket";

const CHANNELS = ["shell", "iopub", "stdin", "control", "hb"] as const;
export type Channel = (typeof CHANNELS)[number];

export type KernelConnection = {
  readonly key: string;
  address(channel: Channel): Address;
  /** Of the connection file. */
  readonly json: Readonly<Record<string, string | number>>;
};

/** Sockets in a directory only its user can enter: ports on loopback could be reached from outside the sandbox. */
export function connectionBySocket(dir: string): KernelConnection {
  const ip = join(dir, "kernel");
  const ports = Object.fromEntries(CHANNELS.map((channel, i) => [channel, i + 1])) as Record<Channel, number>;
  return describe({ transport: "ipc", ip, ports, address: (channel) => ({ path: `${ip}-${ports[channel]}` }) });
}

/** For kernels that know no other way. Messages are signed, so a stranger can listen at most. */
export async function connectionByPort(): Promise<KernelConnection> {
  const free = await freePorts(CHANNELS.length);
  const ports = Object.fromEntries(CHANNELS.map((channel, i) => [channel, free[i] ?? 0])) as Record<Channel, number>;
  return describe({
    transport: "tcp",
    ip: "127.0.0.1",
    ports,
    address: (channel) => ({ host: "127.0.0.1", port: ports[channel] }),
  });
}

function describe(of: {
  transport: string;
  ip: string;
  ports: Record<Channel, number>;
  address: (channel: Channel) => Address;
}): KernelConnection {
  const key = randomBytes(32).toString("hex");
  const ports = Object.fromEntries(CHANNELS.map((channel) => [`${channel}_port`, of.ports[channel]]));
  return {
    key,
    address: of.address,
    json: { transport: of.transport, ip: of.ip, key, signature_scheme: "hmac-sha256", kernel_name: "", ...ports },
  };
}

/** All held at once, so that they differ. The kernel binds them a moment later: nobody else here looks for ports. */
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
