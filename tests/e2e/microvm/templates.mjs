// Recipes for virtual machines: built once in containers, then started, made ready and sealed as a virtual machine.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { client } from "../support.mjs";

const NAME = "vm-recipe";
/** Marks itself with the kernel that it runs on, then serves its directory. */
const START = "uname -r > /tmp/started-on; exec python3 -m http.server 8123";

export function templates({ own, qemu, create, api, infoOf, run, slow }) {
  test(
    "a recipe's files, users and start command are there in a virtual machine and in a container",
    slow,
    async () => {
      const context = await mkdtemp(join(tmpdir(), "sandlot-context-"));
      try {
        await writeFile(join(context, "page.txt"), "from the context\n");
        const log = await build(context, own().connection);
        for (const line of ["Making the template for qemu", "The template is ready for qemu", "Template is ready"])
          assert.ok(log.includes(line), `${line} in\n${log}`);
        const sandbox = await create({ template: NAME });
        assert.equal((await infoOf(sandbox)).runtime, "qemu");
        const seen =
          "uname -r; id -un; pwd; stat -c %U:%a page.txt; cat page.txt /srv/built /tmp/started-on /etc/machine-id; " +
          "curl -s localhost:8123/page.txt; pgrep -f '[h]ttp.server 8123'";
        const lines = (await run(sandbox, seen)).split("\n");
        const { kernelVersion } = qemu();
        const said = [
          kernelVersion,
          "worker",
          "/srv/site",
          "root:640",
          "from the context",
          "red worker",
          kernelVersion,
        ];
        assert.deepEqual([...lines.slice(0, 7), lines[8]], [...said, "from the context"]);
        // The process that was ready when the template was sealed, in machines with identities of their own.
        const another = await create({ template: NAME });
        const [first, second] = [lines, (await run(another, seen)).split("\n")];
        assert.equal(second[9], first[9]);
        assert.notEqual(second[7], first[7]);
        const container = await create({ template: NAME, metadata: { "sandlot.runtime": "container" } });
        assert.equal((await infoOf(container)).runtime, "container");
        assert.equal(await run(container, "cat page.txt /srv/built"), "from the context\nred worker");
        await Promise.all([sandbox, another, container].map((one) => one.kill()));
        assert.equal((await api("DELETE", `/templates/${NAME}`)).status, 204);
      } finally {
        await rm(context, { recursive: true, force: true });
      }
    },
  );

  test("a start command that fails in a virtual machine fails the build, with its output", slow, async () => {
    const { Template, waitForTimeout } = client;
    const onlyThere = "case $(uname -r) in *-cloud-*) echo no luck here >&2; exit 7;; esac; exec sleep infinity";
    const recipe = Template().fromTemplate("base").setStartCmd(onlyThere, waitForTimeout(2_000));
    const lines = [];
    const onBuildLogs = (entry) => lines.push(entry.toString());
    const building = Template.build(recipe, "vm-fails", {
      cpuCount: 1,
      memoryMB: 256,
      onBuildLogs,
      ...own().connection,
    });
    await assert.rejects(building, /exit status 7/);
    assert.match(lines.join("\n"), /no luck here/);
    await api("DELETE", "/templates/vm-fails");
  });
}

/** @returns the build's log */
async function build(fileContextPath, connection) {
  const { Template, waitForPort } = client;
  const recipe = Template({ fileContextPath })
    .fromTemplate("base")
    .setWorkdir("/srv/site")
    .setEnvs({ COLOUR: "red" })
    .runCmd("useradd -m worker 2>/dev/null; chmod 777 /srv", { user: "root" })
    .copy("page.txt", "page.txt", { user: "root", mode: 0o640 })
    .runCmd("chgrp worker page.txt", { user: "root" })
    .setUser("worker")
    .runCmd('echo "$COLOUR $(id -un)" > /srv/built')
    .setStartCmd(START, waitForPort(8123));
  const lines = [];
  const onBuildLogs = (entry) => lines.push(entry.toString());
  await Template.build(recipe, NAME, { cpuCount: 1, memoryMB: 256, onBuildLogs, ...connection });
  return lines.join("\n");
}
