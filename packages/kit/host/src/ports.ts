/** TCP ports on this host: which are free, and whether one is taken. */
import { createServer } from "node:net";

/** Whether nobody listens on `port` of `host` right now. */
export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/**
 * Ports that were free a moment ago, all different. The kernel picks them; another process may still win one, so a
 * caller that must not fail tries again.
 */
export async function freePorts(count: number, host = "127.0.0.1"): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve, reject) => {
          const server = createServer();
          server.once("error", reject);
          server.listen({ port: 0, host, exclusive: true }, () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return address !== null && typeof address === "object" ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  return ports;
}

/**
 * The first of `count` free ports in a row, below those that the kernel gives to outgoing connections: one of these may be taken
 * between this look and the start of whoever asked.
 */
export async function freePortRun(count: number): Promise<number> {
  const [lowest, end] = [11_000, 20_000];
  for (let tries = 0; tries < 50; tries += 1) {
    const start = lowest + Math.floor(Math.random() * (end - count - lowest));
    const all = await Promise.all(Array.from({ length: count }, (_, offset) => isPortFree(start + offset)));
    if (all.every(Boolean)) return start;
  }
  throw new Error(`found no ${count} free ports in a row between ${lowest} and ${end}`);
}
