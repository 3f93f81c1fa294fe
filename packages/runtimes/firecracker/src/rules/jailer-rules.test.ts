import { expect, it } from "bun:test";
import { wrongsOfJailerLine } from "./jailer-rules";

const LINE = [
  "--id",
  "m1",
  "--exec-file",
  "/b/firecracker",
  "--uid",
  "7",
  "--gid",
  "7",
  "--",
  "--api-sock",
  "/run/api.sock",
];

it("allows what is complete", () => expect(wrongsOfJailerLine(LINE)).toEqual([]));

it.each([
  ["an id with an underscore", ["m1", "m_1"], "--id cannot be m_1"],
  ["an executable of another name", ["/b/firecracker", "/b/vmm"], "--exec-file cannot be"],
  ["a user by name", ["7", "root"], "--uid cannot be root"],
  ["a flag that is not known", ["--uid", "--user"], "--user is not known"],
  ["no socket", ["--api-sock", "--boot-timer"], "--api-sock is missing"],
] as const)("refuses %s", (_, [from, to], reason) => {
  const line = LINE.map((word) => (word === from ? to : word));
  expect(wrongsOfJailerLine(line).join("; ")).toContain(reason);
});

it("refuses a flag given twice, but not a setting of a cgroup", () => {
  expect(wrongsOfJailerLine(["--id", "m2", ...LINE])).toEqual(["--id is given twice"]);
  expect(wrongsOfJailerLine(["--cgroup", "a.b=1", "--cgroup", "c.d=2", ...LINE])).toEqual([]);
});
