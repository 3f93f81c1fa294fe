import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openState, type State, type StateParts } from "../src/index";

/** A Redis of the test's own on a socket in a temporary folder. */
export type TestRedis = AsyncDisposable & {
  readonly url: string;
  readonly process: () => Bun.Subprocess;
  start(): Promise<void>;
  /** Ends it without warning. */
  crash(): Promise<void>;
  open(parts?: StateParts): State;
};

export async function startRedis(): Promise<TestRedis> {
  const folder = await mkdtemp(join(tmpdir(), "sandlot-redis-"));
  const url = `redis+unix://${folder}/redis.sock`;
  let server: Bun.Subprocess;
  const start = async (): Promise<void> => {
    server = Bun.spawn(
      ["redis-server", "--port", "0", "--unixsocket", `${folder}/redis.sock`, "--save", "", "--appendonly", "no"],
      { stdout: "ignore", stderr: "inherit" },
    );
    for (let tries = 0; ; tries += 1) {
      await using state = openState({ redisUrl: url });
      const isUp = await state.ping().then(
        () => true,
        () => false,
      );
      if (isUp) return;
      if (tries > 1_000) throw new Error("redis-server does not come up");
      await Bun.sleep(20);
    }
  };
  await start();
  return {
    url,
    process: () => server,
    start,
    async crash() {
      server.kill(9);
      await server.exited;
    },
    open: (parts) => openState({ redisUrl: url, keyPrefix: `${crypto.randomUUID()}:` }, parts),
    async [Symbol.asyncDispose]() {
      server.kill(9);
      await server.exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
