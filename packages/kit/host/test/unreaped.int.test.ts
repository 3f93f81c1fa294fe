/** A host whose first process reaps late or never, as that of many containers. This process takes its place, and never reaps. */
import { afterAll, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { syscall } from "@sandlot/linux";
import { freePorts, type PostgresOptions, runningPostgres, startPostgres, stopPostgres } from "../src/index";

const PR_SET_CHILD_SUBREAPER = 36;
const dir = mkdtempSync(join(tmpdir(), "sandlot-test-unreaped-"));
chmodSync(dir, 0o711);
afterAll(async () => {
  await stopPostgres(join(dir, "data"));
  rmSync(dir, { recursive: true, force: true });
});

/** By a process that ends, as `up` does: what it leaves becomes this process's. */
async function startElsewhere(options: PostgresOptions): Promise<void> {
  const code = `import { startPostgres } from "@sandlot/host"; await startPostgres(${JSON.stringify(options)});`;
  const starter = Bun.spawn([process.execPath, "-e", code], {
    cwd: join(import.meta.dir, "../../testkit"),
    stderr: "inherit",
  });
  expect(await starter.exited).toBe(0);
}

test("a PostgreSQL that was killed starts again while nobody has reaped its processes", async () => {
  syscall("prctl", PR_SET_CHILD_SUBREAPER, 1);
  const [port = 0] = await freePorts(1);
  const options = { dir: join(dir, "data"), port, password: "only-for-tests", logPath: join(dir, "log") };
  const withSocket = { ...options, socketDir: join(dir, "socket"), isDurable: false };
  for (let round = 0; round < 2; round += 1) {
    await startElsewhere(withSocket);
    const pid = runningPostgres(options.dir)?.mark.pid;
    if (pid === undefined) throw new Error("it does not run");
    process.kill(pid, "SIGKILL");
    const again = await startPostgres(withSocket);
    expect(again.wasAdopted).toBe(false);
    expect(await Bun.file(`/proc/${pid}/stat`).text()).toContain(") Z ");
    const sql = new Bun.SQL(again.url);
    expect((await sql`select 7 as n`)[0].n).toBe(7);
    await sql.close();
    await again.stop();
  }
}, 60_000);
