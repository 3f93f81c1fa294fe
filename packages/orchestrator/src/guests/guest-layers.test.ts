import { expect, it } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { trimGuestLayers } from "./guest-layers";

function withLayers(work: (at: { artifactsPath: string; layer: (name: string) => string }) => Promise<void>) {
  return async () => {
    const artifactsPath = mkdtempSync(join(tmpdir(), "sandlot-layers-"));
    for (const name of ["now", "live", "old"])
      mkdirSync(join(artifactsPath, "guest", name, "usr"), { recursive: true });
    await work({ artifactsPath, layer: (name) => join(artifactsPath, "guest", name) });
    rmSync(artifactsPath, { recursive: true });
  };
}

const later = (): number => Date.now() + 3_600_000;

it(
  "keeps the present layer and those of living machines",
  withLayers(async ({ artifactsPath, layer }) => {
    const inUse = new Set([layer("live")]);
    const removed = await trimGuestLayers({ artifactsPath, current: layer("now"), inUse, nowMs: later() });
    expect(removed).toEqual([layer("old")]);
    expect(readdirSync(join(artifactsPath, "guest")).sort()).toEqual(["live", "now"]);
  }),
);

it(
  "keeps one that was put there a moment ago",
  withLayers(async ({ artifactsPath, layer }) => {
    expect(
      await trimGuestLayers({ artifactsPath, current: layer("now"), inUse: new Set(), nowMs: Date.now() }),
    ).toEqual([]);
  }),
);

it(
  "removes nothing beside a layer that lies elsewhere",
  withLayers(async ({ artifactsPath, layer }) => {
    const current = join(artifactsPath, "elsewhere");
    expect(await trimGuestLayers({ artifactsPath, current, inUse: new Set(), nowMs: later() })).toEqual([]);
    expect(existsSync(layer("old"))).toBe(true);
  }),
);
