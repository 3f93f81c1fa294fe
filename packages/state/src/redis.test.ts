import { expect, it } from "bun:test";
import { Redis } from "./redis";

it("comes back after a first connection that was not made in time", async () => {
  let answers = false;
  using server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, bytes) {
        const text = bytes.toString();
        if (!answers) return;
        for (const _ of text.match(/\*\d+\r\n/g) ?? [])
          socket.write(text.includes("HELLO") ? "%1\r\n$6\r\nserver\r\n$5\r\nredis\r\n" : "+PONG\r\n");
      },
    },
  });
  const redis = new Redis({ url: `redis://127.0.0.1:${server.port}`, commandMs: 200 });
  await expect(redis.send("PING")).rejects.toThrow("not reachable");
  await Bun.sleep(300);
  answers = true;
  let answer: unknown;
  for (const untilMs = Date.now() + 40_000; answer === undefined && Date.now() < untilMs; await Bun.sleep(50))
    answer = await redis.send("PING").catch(() => undefined);
  expect(answer).toBe("PONG");
  redis.close();
}, 60_000);
