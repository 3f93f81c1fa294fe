/** `doctor` and the entry script on hosts that are not as they should be: namespaces of their own stand in for them. */
import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const CHECKOUT = join(import.meta.dir, "../../..");
const SANDLOT = join(CHECKOUT, "sandlot");
const home = mkdtempSync(join(tmpdir(), "sandlot-doctor-"));
afterAll(() => rmSync(home, { recursive: true }));
const NOWHERE = join(home, "nowhere");

async function shell(script: string): Promise<{ exitCode: number; out: string; err: string }> {
  const env = { ...process.env, SANDLOT, NOWHERE };
  const child = Bun.spawn(["sh", "-ec", script], { env, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { exitCode: await child.exited, out, err };
}

type Finding = { topic: string; state: string; says: string; cure?: string };
const findings = (json: string): Finding[] =>
  (JSON.parse(json) as { areas: { findings: Finding[] }[] }).areas.flatMap((area) => area.findings);

const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write("skipped: doctor on other hosts (needs root for namespaces)\n");
const DROP = `printf 'table ip filter {\\n chain FORWARD {\\n type filter hook forward priority 0; policy drop;\\n }\\n}\\n' | nft -f -`;

test.skipIf(!isRoot)(
  "another's firewall that drops what is routed is found, and its cure ends the finding",
  async () => {
    const doctor = '"$SANDLOT" doctor --json --data "$NOWHERE"';
    const before = await shell(`exec unshare -n sh -c '${DROP.replaceAll("'", `'\\''`)}; ${doctor}'`);
    const firewall = findings(before.out).find(({ topic }) => topic === "firewall");
    expect(firewall).toMatchObject({ state: "problem", says: expect.stringContaining("ip filter FORWARD") });
    expect(firewall?.cure).toContain("-i sl+");
    expect(before.exitCode).toBe(1);
    const accepts = `nft insert rule ip filter FORWARD iifname '"sl*"' accept; nft insert rule ip filter FORWARD oifname '"sl*"' accept`;
    const script = `${DROP}; ${accepts}; ${doctor}`.replaceAll("'", `'\\''`);
    const after = await shell(`exec unshare -n sh -c '${script}'`);
    expect(findings(after.out).find(({ topic }) => topic === "firewall")).toMatchObject({ state: "good" });
  },
  60_000,
);

test.skipIf(!isRoot)(
  "another distribution is named in one line by up, and by doctor",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "sandlot-os-"));
    try {
      const osRelease = join(dir, "os-release");
      writeFileSync(osRelease, 'NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 41 (Server)"\nID=fedora\n');
      const as = (what: string): string =>
        `exec unshare -m sh -c 'mount --bind ${osRelease} /etc/os-release && exec "$SANDLOT" ${what} --data "$NOWHERE"'`;
      const up = await shell(as("up --detach"));
      expect(up.exitCode).toBe(1);
      expect(up.err).toBe("sandlot: needs Debian or Ubuntu (it installs packages with apt), and this is fedora\n");
      const doctor = await shell(as("doctor --json"));
      expect(doctor.exitCode).toBe(1);
      expect(findings(doctor.out).find(({ topic }) => topic === "distribution")).toMatchObject({
        state: "problem",
        says: "Fedora Linux 41 (Server)",
      });
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
  60_000,
);

test.skipIf(!isRoot)(
  "who is not root, and a kernel that lacks something, are told in one line",
  async () => {
    const user = await shell(
      'exec setpriv --reuid=65534 --regid=65534 --clear-groups sh "$SANDLOT" up --data "$NOWHERE"',
    );
    expect(user.exitCode).toBe(1);
    expect(user.err).toBe("sandlot: must run as root: it makes namespaces, mounts and firewall rules\n");
    const dir = mkdtempSync(join(tmpdir(), "sandlot-fs-"));
    try {
      const list = join(dir, "filesystems");
      writeFileSync(list, "nodev\ttmpfs\nnodev\toverlay\n\text4\n");
      const lacking = await shell(
        `exec unshare -m sh -c 'mount --bind ${list} /proc/filesystems && exec "$SANDLOT" up --detach --data "$NOWHERE"'`,
      );
      expect(lacking.exitCode).toBe(1);
      expect(lacking.err).toBe("sandlot: this kernel has no erofs filesystem (try: modprobe erofs)\n");
    } finally {
      rmSync(dir, { recursive: true });
    }
  },
  60_000,
);
