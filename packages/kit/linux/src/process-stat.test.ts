import { expect, test } from "bun:test";
import { parseProcessStat, readProcessStat } from "./process-stat";

const line = (name: string, state: string, threads: number): string =>
  `7 (${name}) ${state} 3 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 ${threads} 0 4242 1 2`;

test("reads behind a name that holds brackets and blanks", () => {
  const stat = parseProcessStat(line("a) Z 9 (b", "S", 4));
  expect(stat).toEqual({ parentPid: 3, startTicks: "4242", hasEnded: false });
});

test("has ended once the last thread has, reaped or not", () => {
  expect(parseProcessStat(line("qemu", "Z", 3)).hasEnded).toBe(false);
  expect(parseProcessStat(line("qemu", "Z", 1)).hasEnded).toBe(true);
  expect(parseProcessStat(line("qemu", "X", 0)).hasEnded).toBe(true);
});

test("knows this process, a child that nobody has reaped, and none", async () => {
  expect(readProcessStat(process.pid)).toMatchObject({ parentPid: process.ppid, hasEnded: false });
  const program = 'my $child = fork() // die; exit 0 unless $child; $| = 1; print "$child\\n"; sleep 60';
  const parent = Bun.spawn(["perl", "-e", program], { stdout: "pipe" });
  const { value } = await parent.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  while (readProcessStat(pid)?.hasEnded === false) await Bun.sleep(5);
  expect(readProcessStat(pid)).toMatchObject({ parentPid: parent.pid, hasEnded: true });
  parent.kill("SIGKILL");
  await parent.exited;
  expect(readProcessStat(2 ** 22 + 1)).toBeUndefined();
});
