import { describe, expect, it } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { silentLogger } from "@sandlot/telemetry";
import { createRequest } from "../test/fakes/create-request";
import { FakeSlots } from "../test/fakes/slots";
import { tempNode } from "../test/fakes/temp-node";
import { oneRuntime } from "./runtimes/runtimes";
import { parseCreate } from "./sandboxes/parse-create";
import { startNode } from "./start-node";
import { sweepNode } from "./sweep";

describe(sweepNode, () => {
  it("ends what an earlier run left, stubborn machines included, and forgets it; twice is fine", async () => {
    using temp = tempNode();
    const runtime = temp.runtime();
    const slots = new FakeSlots();
    const host = { runtimes: [runtime], removeNetwork: () => slots.removeAll() };
    const node = await startNode(temp.config, {
      ...{ logger: silentLogger, runtimes: oneRuntime(runtime), slots, artifacts: await temp.openArtifacts() },
      cutTraffic: () => undefined,
    });
    for (const id of ["i1", "i2"]) await node.parts.sandboxes.create(parseCreate(createRequest(id), 0));
    await node[Symbol.asyncDispose]();
    const [stubborn] = runtime.machines.values();
    if (stubborn === undefined) throw new Error("no machine");
    const end = stubborn.end.bind(stubborn);
    let tries = 0;
    stubborn.end = async () => {
      tries += 1;
      if (tries === 1) throw new Error("busy");
      await end();
    };
    expect(await sweepNode(temp.config, { logger: silentLogger, host })).toEqual({ ended: 2 });
    expect(runtime.machines.size).toBe(0);
    expect(slots.out.size).toBe(0);
    expect(existsSync(join(temp.config.basePath, "journal.sqlite"))).toBe(false);
    expect(await sweepNode(temp.config, { logger: silentLogger, host })).toEqual({ ended: 0 });
  });
});
