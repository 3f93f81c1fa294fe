import { expect, test } from "bun:test";
import { endStatus } from "./end-status";

test("endStatus speaks as Go's os/exec does", () => {
  const of = (exit: Partial<Parameters<typeof endStatus>[0]>) =>
    endStatus({ exitCode: null, signal: null, hasDumpedCore: false, ...exit });
  expect(of({ exitCode: 0 })).toEqual({ exitCode: 0, hasExited: true, status: "exit status 0", error: undefined });
  expect(of({ exitCode: 9 })).toMatchObject({ exitCode: 9, status: "exit status 9", error: "exit status 9" });
  expect(of({ signal: "SIGKILL" })).toMatchObject({ exitCode: -1, hasExited: false, status: "signal: killed" });
  expect(of({ signal: "SIGSEGV", hasDumpedCore: true }).status).toBe("signal: segmentation fault (core dumped)");
  expect(of({ signal: 34 }).status).toBe("signal: signal 34");
});
