import { describe, expect, it } from "bun:test";
import { create } from "@bufbuild/protobuf";
import { EventType, FilesystemEventSchema } from "@sandlot/contracts/envd/filesystem";
import { HeldEvents } from "./held-events";
import { HELD_EVENTS } from "./limits";

const event = create(FilesystemEventSchema, { name: "a", type: EventType.CREATE });
const quick = { quietMs: 1, signal: new AbortController().signal };

describe(HeldEvents, () => {
  it("wakes a waiting reader and hands over everything once", async () => {
    const held = new HeldEvents();
    expect(await held.wait(quick)).toBe(false);
    const waiting = held.wait({ ...quick, quietMs: 10_000 });
    held.push(event);
    held.push(event);
    expect(await waiting).toBe(true);
    expect([held.takeAll().length, held.takeAll().length]).toEqual([2, 0]);
  });

  it("breaks for good at its limit", async () => {
    const held = new HeldEvents();
    for (let i = 0; i <= HELD_EVENTS; i += 1) held.push(event);
    expect(await held.wait(quick)).toBe(true);
    for (let round = 0; round < 2; round += 1) expect(() => held.takeAll()).toThrow("events were lost");
  });

  it("ends waiting with the signal's reason", async () => {
    const stop = new AbortController();
    const waiting = new HeldEvents().wait({ quietMs: 10_000, signal: stop.signal });
    stop.abort(new Error("gone"));
    expect(waiting).rejects.toThrow("gone");
  });
});
