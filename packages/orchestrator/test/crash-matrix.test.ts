/**
 * The node dies at every place that `CRASH_POINTS` names, and another starts over what is left: the sandbox runs as
 * before, or it is paused with its build committed; there are never two of it, and nothing leaks.
 */
import { describe, expect, it } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { CRASH_POINTS, type CrashPoint } from "../src/crash-points";
import { type FakeNode, fakeNode } from "./fake-node";
import { eventually } from "./fakes/eventually";

const SEALED = "22222222-2222-4222-8222-222222222222";
const pause = (node: FakeNode) => node.sandboxes.pause({ sandboxId: "i1", buildId: SEALED, memory: true });
const resume = (node: FakeNode) => node.make("i1", { buildId: SEALED, snapshot: true, envVars: {} });
const isCommitted = (node: FakeNode) => existsSync(join(node.temp.dir, "artifacts/builds", SEALED, "build.json"));
const room = (point: CrashPoint) => point.split(".")[0];

/** What is left runs as before or is paused; whichever it is, it can go on. */
async function expectWhole(node: FakeNode): Promise<void> {
  expect(readdirSync(join(node.temp.dir, "artifacts/staging"))).toEqual([]);
  const running = node.sandboxes.find("i1");
  if (running === undefined) {
    expect(isCommitted(node)).toBe(true);
    for (const machine of node.runtime.machines.values()) expect(machine.frozen).toBe(true);
    // Asked again, the pause answers as if nothing had happened.
    if (node.sandboxes.list().length === 0) await pause(node);
    await resume(node);
  } else expect(node.runtime.machines.get(running.guest.machineId)?.frozen).toBe(false);
  await eventually(() => node.runtime.machines.size === 1);
  const { envd } = node.runtime.only;
  expect(envd.envs).toMatchObject({ E2B_SANDBOX_ID: "i1", COLOUR: "blue" });
  expect(envd.token).toBe("token-1");
  await node.sandboxes.end("i1", "request");
  await eventually(() => node.slots.out.size === 0);
  expect(node.runtime.machines.size).toBe(0);
  await eventually(() => node.parts.sandboxes.list().length === 0);
}

describe("a death of the node at", () => {
  for (const point of CRASH_POINTS)
    it(point, async () => {
      await using node = await fakeNode();
      await node.make("i1");
      if (room(point) === "pause") await node.crashAt(point, () => pause(node));
      else if (room(point) === "checkpoint") {
        await node.crashAt(point, () => node.sandboxes.checkpoint({ sandboxId: "i1", buildId: SEALED }));
        expect(node.sandboxes.find("i1")).toBeDefined();
      } else {
        await pause(node);
        if (room(point) === "restore") {
          await node.runtime.only.end();
          await eventually(() => node.slots.out.size === 0);
        }
        await node.crashAt(point, () => resume(node));
      }
      await expectWhole(node);
    });
});
