/** A redis-server of one's own: empty, on a free loopback port, gone when disposed of. */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { sleep } from "@sandlot/lifetime";
import { freePort } from "./free-port";

export type PrivateRedis = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** Ends the server; all it knew is lost. */
  stop(): Promise<void>;
  start(): Promise<void>;
};

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

export async function startPrivateRedis(): Promise<PrivateRedis> {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", "/tmp"];
  let server: ReturnType<typeof spawn> | undefined;
  const start = async (): Promise<void> => {
    const child = spawn("redis-server", args, { stdio: "ignore" });
    server = child;
    for (let tries = 0; tries < 200; tries += 1) {
      if (child.exitCode !== null) throw new Error(`redis-server ended with ${child.exitCode}`);
      if (await answers(port)) return;
      await sleep(25);
    }
    throw new Error("redis-server did not answer in 5 s");
  };
  const stop = async (): Promise<void> => {
    const child = server;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  };
  await start();
  return { port, url: `redis://127.0.0.1:${port}/0`, start, stop, [Symbol.asyncDispose]: stop };
}
