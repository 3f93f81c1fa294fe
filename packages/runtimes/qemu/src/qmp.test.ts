import { afterEach, beforeEach, describe, expect, it } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectQmp } from "./qmp";

const GREETING = '{"QMP":{"version":{"qemu":{"major":7,"minor":2,"micro":22}}}}\n';
type Asked = { readonly execute: string; readonly id: number };

describe(connectQmp, () => {
  let dir: string;
  let server: Server | undefined;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "qmp-"));
  });
  afterEach(async () => {
    server?.close();
    await rm(dir, { recursive: true });
  });

  /** Plays QEMU: greets, takes the capabilities, and answers the rest as `answer` says. */
  async function play(answer: (asked: Asked, socket: Socket) => void, greeting = GREETING): Promise<string> {
    const path = join(dir, "qmp.sock");
    server = createServer((socket) => {
      socket.on("error", () => undefined);
      socket.write(greeting);
      socket.on("data", (bytes) => {
        for (const line of bytes.toString().trim().split("\n")) {
          const asked = JSON.parse(line) as Asked;
          if (asked.execute === "qmp_capabilities") socket.write(`{"return":{},"id":${asked.id}}\n`);
          else answer(asked, socket);
        }
      });
    });
    await new Promise<void>((resolve) => server?.listen(path, resolve));
    return path;
  }

  it("gives each answer to who asked, in whatever order they come, among events and words it does not know", async () => {
    const held: Asked[] = [];
    const path = await play((asked, socket) => {
      held.push(asked);
      if (held.length < 2) return;
      socket.write('{"event":"RESUME","timestamp":{}}\n{"what":"is this"}\n{"return":{},"id":99}\n');
      for (const { execute, id } of held.reverse()) socket.write(`{"return":"${execute}","id":${id}}\n`);
    });
    using qmp = await connectQmp(path);
    expect(qmp.version).toBe("7.2.22");
    const events: string[] = [];
    qmp.onEvent = ({ event }) => events.push(event);
    expect(await Promise.all([qmp.execute("stop"), qmp.execute("cont")])).toEqual(["stop", "cont"]);
    expect(events).toEqual(["RESUME"]);
  });

  it("says what QEMU refused and why, and goes on", async () => {
    const path = await play(({ execute, id }, socket) =>
      socket.write(execute === "bad" ? `{"error":{"desc":"no such thing"},"id":${id}}\n` : `{"return":1,"id":${id}}\n`),
    );
    using qmp = await connectQmp(path);
    await expect(qmp.execute("bad")).rejects.toMatchObject({
      code: "qemu_monitor_refused",
      message: expect.stringContaining("no such thing"),
    });
    expect(await qmp.execute("good")).toBe(1);
  });

  it("gives up on an answer that does not come, and on a greeting", async () => {
    const path = await play(() => undefined);
    using qmp = await connectQmp(path);
    await expect(qmp.execute("stop", {}, 20)).rejects.toMatchObject({ code: "qemu_monitor_silent" });
    server?.close();
    await rm(path, { force: true });
    await expect(connectQmp(await play(() => undefined, ""), 20)).rejects.toMatchObject({
      code: "qemu_monitor_silent",
    });
  });

  it.each([
    ["ends", (socket: Socket) => socket.destroy(), "qemu_monitor_gone"],
    ["talks nonsense", (socket: Socket) => socket.write("}{\n"), "qemu_monitor_garbled"],
  ])("fails all that wait when QEMU %s, and all that ask after", async (_, harm, code) => {
    const path = await play((_asked, socket) => void harm(socket));
    using qmp = await connectQmp(path);
    const both = await Promise.allSettled([qmp.execute("stop"), qmp.execute("cont")]);
    expect(both.map((one) => (one.status === "rejected" ? one.reason.code : "done"))).toEqual([code, code]);
    await expect(qmp.execute("stop")).rejects.toMatchObject({ code });
  });

  it("says so when nobody listens", async () => {
    await expect(connectQmp(join(dir, "nobody"))).rejects.toMatchObject({ code: "qemu_monitor_gone" });
  });
});
