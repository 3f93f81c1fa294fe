/**
 * The crash matrix on this host: one sandbox, through a death of the node at every place that `CRASH_POINTS` names, by
 * kill -9 of the real process between real steps. It runs on or is paused with its build committed, and nothing piles up.
 */
import { describe, expect, it } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CRASH_POINTS, type CrashPoint } from "../src/crash-points";
import { createRequest } from "./fakes/create-request";
import { hasCriu, type RealNode, realNode, whyNot } from "./real-node";

const reason = whyNot() ?? (hasCriu ? undefined : "missing: SANDLOT_TEST_CRIU");
if (reason !== undefined) process.stderr.write(`skipped: the node's deaths on real machines (${reason})\n`);

const ID = "icrash";
const SIZE = { ramMb: 512n, totalDiskSizeMb: 1024n };
/** Writes every number it counts to memory and to the disk, so that losing either shows. */
const COUNTER = "n=0; while :; do n=$((n+1)); echo $n > /root/n.new; mv /root/n.new /root/n; sleep 0.02; done";

describe.skipIf(reason !== undefined)("a sandbox through deaths of its node", () => {
  it("is never lost, never twice, and leaves nothing behind", async () => {
    await using node = await realNode({ tag: "tcr1", slotCidr: "10.231.20.0/24" });
    let builds = 0;
    /** Of the newest pause that was asked for. */
    let asked = "";
    let counted = 0;
    const nextBuild = (): string => {
      builds += 1;
      return `${String(builds).padStart(8, "0")}-2222-4222-8222-222222222222`;
    };
    const pause = () => {
      asked = nextBuild();
      return node.sandboxes.pause({ sandboxId: ID, buildId: asked });
    };
    const resume = () =>
      node.sandboxes.create(createRequest(ID, { ...SIZE, buildId: asked, snapshot: true, envVars: {} }));

    /** Running, or resumable from what the last pause committed; its counter goes on from where it was. */
    async function expectWhole(point: CrashPoint): Promise<void> {
      const { sandboxes } = await node.sandboxes.list({});
      if (sandboxes.length === 0) {
        // The control plane asks again for what it has had no answer to: it is answered as done.
        await node.sandboxes.pause({ sandboxId: ID, buildId: asked });
        await resume();
      }
      const look = async () => Number((await node.run(ID, "cat /root/n")).stdout);
      const now = await look();
      expect([point, now >= counted]).toEqual([point, true]);
      counted = now;
      for (const untilMs = Date.now() + 30_000; counted <= now && Date.now() < untilMs; await Bun.sleep(60))
        counted = await look();
      expect([point, counted > now]).toEqual([point, true]);
      expect(await machinesOf(node)).toHaveLength(1);
      expect(readdirSync(join(node.dir, "artifacts/staging"))).toEqual([]);
    }

    await node.sandboxes.create(createRequest(ID, SIZE));
    await node.run(ID, `setsid bash -c '${COUNTER}' >/dev/null 2>&1 & sleep 0.1`);
    for (const point of CRASH_POINTS) {
      node.env.CRASH_AT = point;
      // A restore is what a resume is where the machine was not kept.
      node.env.RESUME_CACHE_SIZE = point.startsWith("restore.") ? "0" : "4";
      await node.stop("SIGKILL");
      await node.start();
      if (point.startsWith("pause.")) await pause().catch(() => undefined);
      else if (point.startsWith("checkpoint.")) {
        const buildId = nextBuild();
        await node.sandboxes.checkpoint({ sandboxId: ID, buildId }).catch(() => undefined);
      } else {
        await pause();
        await resume().catch(() => undefined);
      }
      await node.died();
      delete node.env.CRASH_AT;
      await node.start();
      await expectWhole(point);
    }

    await node.sandboxes.delete({ sandboxId: ID });
    await node.sandboxes.deleteBuilds({ buildIds: readdirSync(join(node.dir, "artifacts/builds")).slice(1) });
    for (const untilMs = Date.now() + 30_000; (await machinesOf(node)).length > 0 && Date.now() < untilMs; )
      await Bun.sleep(50);
    expect(await machinesOf(node)).toEqual([]);
    expect(await node.log()).not.toContain('"level":"error"');
  }, 240_000);
});

/** Once what is being cleared away has gone. */
async function machinesOf(node: RealNode): Promise<string[]> {
  const look = (): string[] => readdirSync(join(node.dir, "node/machines"));
  for (const untilMs = Date.now() + 30_000; look().length > 1 && Date.now() < untilMs; ) await Bun.sleep(20);
  return look();
}
