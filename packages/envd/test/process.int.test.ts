/** The process service over a real envd: what behaviour.md §2.4 says, one by one. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { basic, collect, openFds, rssMiB, run, startTestEnvd, stream, type TestEnvd, USER, unary } from "./harness";

let envd: TestEnvd;
beforeAll(async () => {
  envd = await startTestEnvd();
});
afterAll(async () => {
  await envd[Symbol.asyncDispose]();
});

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe("Start", () => {
  test("streams start, output of both kinds, and the end", async () => {
    const kinds: string[] = [];
    const ran = await run(envd, {
      script: "echo out; echo err >&2; exit 3",
      onEvent: (event) => void kinds.push(Object.keys(event)[0] ?? ""),
    });
    expect(kinds[0]).toBe("start");
    expect(kinds.at(-1)).toBe("end");
    expect(ran.stdout).toBe("out\n");
    expect(ran.stderr).toBe("err\n");
    expect(ran.end).toEqual({ exitCode: 3, exited: true, status: "exit status 3", error: "exit status 3" });
    expect(ran.error).toBeUndefined();
  });

  test("success leaves exit code and error out", async () => {
    const ran = await run(envd, { script: "true" });
    expect(ran.end).toEqual({ exited: true, status: "exit status 0" });
  });

  test("the reported pid is the command's own", async () => {
    const ran = await run(envd, { script: "echo $$" });
    expect(Number(ran.stdout)).toBe(ran.pid);
  });

  test("a missing command ends with 127 and the shell's words", async () => {
    const ran = await run(envd, { script: "", process: { cmd: "/no/such/thing", args: [] } });
    expect(ran.end).toMatchObject({ exitCode: 127, exited: true, status: "exit status 127" });
    expect(ran.stderr).toContain("/no/such/thing");
  });

  test("what the shell would add is there without it: working directory by name, readiness to be killed first", async () => {
    const cwd = "/usr/bin/../lib";
    const printed = await run(envd, { script: "", process: { cmd: "/usr/bin/env", args: [], cwd } });
    expect(printed.stdout).toContain("PWD=/usr/lib\n");
    const score = await run(envd, { script: "", process: { cmd: "/bin/cat", args: ["/proc/self/oom_score_adj"] } });
    expect(Number(score.stdout)).toBeGreaterThanOrEqual(100);
  });

  test("the shell speaks for what cannot be run directly: a script without a first line, a file that may not run", async () => {
    const made = "f=$(mktemp); echo 'echo from a script' >$f; chmod 755 $f; echo $f";
    const file = (await run(envd, { script: made })).stdout.trim();
    const script = await run(envd, { script: "", process: { cmd: file, args: [] } });
    expect(script.stdout).toBe("from a script\n");
    const denied = await run(envd, { script: "", process: { cmd: "/etc/passwd", args: [] } });
    expect(denied.end).toMatchObject({ exitCode: 126 });
    expect(denied.stderr).toContain("Permission denied");
  });

  test("the child has exactly the user's ids and groups, no capabilities, default signals and no stray descriptors", async () => {
    const ran = await run(envd, { script: "cat /proc/self/status; ls /proc/self/fd | tr '\\n' ' '" });
    expect(ran.stdout).toMatch(new RegExp(`Uid:(\\s+${USER.uid}){4}\\n`));
    expect(ran.stdout).toMatch(new RegExp(`Gid:(\\s+${USER.gid}){4}\\n`));
    expect(ran.stdout).toMatch(new RegExp(`Groups:\\s+${USER.gid} ${USER.group} ?\\n`));
    expect(ran.stdout).toMatch(/CapPrm:\s+0000000000000000/);
    expect(ran.stdout).toMatch(/SigIgn:\s+0000000000000000/);
    expect(ran.stdout).toMatch(/SigBlk:\s+0000000000000000/);
    expect(ran.stdout).toMatch(/0 1 2 3 $/);
  });

  test("the environment is PATH, HOME, USER, LOGNAME, the defaults and the request's", async () => {
    const ran = await run(envd, { script: "env | sort", process: { envs: { A: "1", HOME: "/elsewhere" } } });
    const names = ran.stdout
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names.filter((name) => name !== "PWD" && name !== "_")).toEqual([
      "A",
      "E2B_SANDBOX",
      "HOME",
      "LOGNAME",
      "PATH",
      "USER",
    ]);
    expect(ran.stdout).toContain("HOME=/elsewhere\n");
    expect(ran.stdout).toContain("USER=user\n");
  });

  test("stdout is a pipe that can be opened again", async () => {
    const ran = await run(envd, { script: "echo x >/dev/stdout; echo y >/dev/stderr" });
    expect([ran.stdout, ran.stderr]).toEqual(["x\n", "y\n"]);
  });

  test("cwd: home by default, ~ and relative resolved, a missing or closed one refused", async () => {
    expect((await run(envd, { script: "pwd" })).stdout).toBe(`${envd.home}\n`);
    expect((await run(envd, { script: "pwd", process: { cwd: "~" } })).stdout).toBe(`${envd.home}\n`);
    expect((await run(envd, { script: "pwd", process: { cwd: "/usr" } })).stdout).toBe("/usr\n");
    expect((await run(envd, { script: "pwd", process: { cwd: "/nope" } })).error).toEqual({
      code: "invalid_argument",
      message: "cwd '/nope' does not exist",
    });
    const closed = await run(envd, { script: "pwd", process: { cwd: "/root" } });
    expect(closed.error?.code).toBe("invalid_argument");
    expect(closed.error?.message).toContain("permission denied");
  });

  test("an unknown user is unauthenticated; none named is the default user", async () => {
    const unknown = await run(envd, { script: "true", user: "root123" });
    expect(unknown.error).toEqual({ code: "unauthenticated", message: "invalid username: 'root123'" });
    const nameless = await collect(
      stream({ url: envd.url, method: "Start" }, { process: { cmd: "id", args: ["-u"] } }),
    );
    expect(nameless.stdout).toBe("0\n");
  });

  test("keepalives come when it is quiet", async () => {
    const began = performance.now();
    const ran = await run(envd, { script: "sleep 3.5", headers: { "keepalive-ping-interval": "1" } });
    expect(ran.keepalives).toBeWithin(2, Math.floor((performance.now() - began) / 1000) + 1); // three, if nothing is late
  });

  test("the time limit kills the process and ends the stream", async () => {
    const began = performance.now();
    const ran = await run(envd, { script: "sleep 30", headers: { "connect-timeout-ms": "300" } });
    expect(ran.error?.code).toBe("deadline_exceeded");
    expect(performance.now() - began).toBeLessThan(20_000);
    for (let tries = 0; tries < 100 && isThere(ran.pid); tries += 1) await Bun.sleep(50);
    expect(isThere(ran.pid)).toBe(false);
  });

  test("is told as such every time, never as the kill that it is", async () => {
    const rans = await Promise.all(
      Array.from({ length: 60 }, (_, n) =>
        run(envd, { script: "sleep 30", headers: { "connect-timeout-ms": String(300 + n) } }),
      ),
    );
    for (const ran of rans) expect([ran.error?.code, ran.end]).toEqual(["deadline_exceeded", undefined]);
  });

  test("the time limit holds for a process whose client has gone away", async () => {
    const leave = new AbortController();
    const headers = { ...basic("user"), "connect-timeout-ms": "2500" };
    const request = { process: { cmd: "sleep", args: ["30"] }, tag: "limited" };
    const events = stream({ url: envd.url, method: "Start", headers, signal: leave.signal }, request);
    await collect(events, () => leave.abort()).catch(() => undefined);
    const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "limited" } }));
    expect(joined.end?.status).toBe("signal: killed");
  });

  test("a time limit of 0 is none, and one that is no number is refused", async () => {
    expect((await run(envd, { script: "echo ok", headers: { "connect-timeout-ms": "0" } })).stdout).toBe("ok\n");
    const bad = await run(envd, { script: "true", headers: { "connect-timeout-ms": "soon" } });
    expect(bad.error?.code).toBe("invalid_argument");
  });

  test("a client that goes away leaves the process running, to be found and joined", async () => {
    const leave = new AbortController();
    let pid = 0;
    const left = run(envd, { script: "true" }).then(() =>
      collect(
        stream(
          { url: envd.url, method: "Start", headers: basic("user"), signal: leave.signal },
          { process: { cmd: "/bin/sh", args: ["-c", "sleep 3; echo late"] }, tag: "left" },
        ),
        (event) => {
          if (event.start !== undefined) pid = event.start.pid;
          leave.abort();
        },
      ).catch(() => undefined),
    );
    await left;
    await Bun.sleep(100);
    const list = await unary({ url: envd.url, method: "List" }, {});
    expect(list.body.processes).toContainEqual({
      config: { cmd: "/bin/sh", args: ["-c", "sleep 3; echo late"] },
      pid,
      tag: "left",
    });
    const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "left" } }));
    expect(joined).toMatchObject({ pid, stdout: "late\n", end: { exited: true } });
  });

  test("output nobody is subscribed to is discarded and does not stop the process", async () => {
    const leave = new AbortController();
    const flag = join(envd.home, "noisy");
    await collect(
      stream(
        { url: envd.url, method: "Start", headers: basic("user"), signal: leave.signal },
        {
          process: {
            cmd: "/bin/sh",
            args: ["-c", 'sleep 0.3; head -c 20000000 /dev/zero; echo done; touch "$0"; sleep 3; echo x', flag],
          },
          tag: "noisy",
        },
      ),
      () => leave.abort(),
    ).catch(() => undefined);
    while (!existsSync(flag)) await Bun.sleep(20);
    await Bun.sleep(300);
    const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "noisy" } }));
    expect(joined.stdout).toBe("x\n");
  });
});

describe("the end", () => {
  test("waits for a grandchild that holds the output, and hears it", async () => {
    const began = performance.now();
    const ran = await run(envd, { script: "(sleep 1; echo late) & echo early" });
    expect(ran.stdout).toBe("early\nlate\n");
    expect(performance.now() - began).toBeGreaterThan(900);
  });

  test("SIGKILL cuts that wait short, with what was written kept", async () => {
    const began = performance.now();
    const ran = await run(envd, {
      script: "sleep 20 & echo early; sleep 20",
      onEvent: async (event, { pid }) => {
        if (event.data === undefined) return;
        const answer = await unary(
          { url: envd.url, method: "SendSignal" },
          { process: { pid }, signal: "SIGNAL_SIGKILL" },
        );
        expect(answer.status).toBe(200);
      },
    });
    expect(ran.stdout).toBe("early\n");
    expect(ran.end).toEqual({ exitCode: -1, status: "signal: killed", error: "signal: killed" });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test("a signal after the exit cuts the wait as well", async () => {
    const began = performance.now();
    const ran = await run(envd, {
      script: "sleep 20 & echo early",
      onEvent: async (event, { pid }) => {
        if (event.data === undefined) return;
        await Bun.sleep(200);
        await unary({ url: envd.url, method: "SendSignal" }, { process: { pid }, signal: "SIGNAL_SIGTERM" });
      },
    });
    expect(ran.end).toEqual({ exited: true, status: "exit status 0" });
    expect(performance.now() - began).toBeLessThan(15_000);
  });

  test("a command that kills its whole group does not reach envd", async () => {
    const ran = await run(envd, { script: "kill -TERM 0; sleep 5", user: "root", process: { cwd: "/" } });
    expect(ran.end?.status).toBe("signal: terminated");
    expect((await fetch(`${envd.url}/health`)).status).toBe(204);
  });

  test("SIGTERM goes to the process alone, which may take its time", async () => {
    const ran = await run(envd, {
      script: "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
      onEvent: async (event, { pid }) => {
        if (event.data === undefined || !Buffer.from(event.data.stdout ?? "", "base64").includes("ready")) return;
        await unary({ url: envd.url, method: "SendSignal" }, { process: { pid }, signal: "SIGNAL_SIGTERM" });
      },
    });
    expect(ran.stdout).toBe("ready\ncaught\n");
    expect(ran.end).toMatchObject({ exitCode: 5 });
  });

  test("by another signal has Go's words", async () => {
    const status = async (signal: string): Promise<unknown> =>
      (await run(envd, { script: `kill -${signal} $$` })).end?.status;
    expect(await status("TERM")).toBe("signal: terminated");
    expect(await status("PIPE")).toBe("signal: broken pipe");
    expect(await status("HUP")).toBe("signal: hangup");
    expect(await status("SEGV")).toMatch(/^signal: segmentation fault( \(core dumped\))?$/);
  });

  test("says so when a core was dumped, and only then", async () => {
    const core = await run(envd, { script: "ulimit -c unlimited; kill -SEGV $$" });
    expect(core.end?.status).toMatch(/^signal: segmentation fault( \(core dumped\))?$/); // the kernel's pattern decides
    const none = await run(envd, { script: "ulimit -c 0; kill -SEGV $$" });
    expect(none.end?.status).toBe("signal: segmentation fault");
  });

  test("is kept for Connect, then is gone for the rest", async () => {
    const ran = await run(envd, { script: "exit 9", request: { tag: "kept" } });
    for (const process of [{ pid: ran.pid }, { tag: "kept" }]) {
      const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process }));
      expect(joined).toMatchObject({ pid: ran.pid, end: { exitCode: 9 } });
    }
    const signal = await unary(
      { url: envd.url, method: "SendSignal" },
      { process: { pid: ran.pid }, signal: "SIGNAL_SIGKILL" },
    );
    expect(signal).toEqual({
      status: 404,
      body: { code: "not_found", message: `process with pid ${ran.pid} not found` },
    });
  });

  test("a new process with the tag drops the kept end", async () => {
    await run(envd, { script: "exit 1", request: { tag: "again" } });
    const second = await run(envd, { script: "exit 2", request: { tag: "again" } });
    const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "again" } }));
    expect(joined).toMatchObject({ pid: second.pid, end: { exitCode: 2 } });
  });
});

describe("selectors and refusals", () => {
  test("unknown and empty selectors", async () => {
    const tag = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "none" } }));
    expect(tag.error).toEqual({ code: "not_found", message: "process with tag none not found" });
    const empty = await unary({ url: envd.url, method: "CloseStdin" }, { process: {} });
    expect(empty.body.code).toBe("unimplemented");
  });

  test("a tag is found among other tagged processes", async () => {
    const ends = ["a1", "b2", "c3"].map((tag) => run(envd, { script: "sleep 3", request: { tag } }));
    const listed = async () => JSON.stringify((await unary({ url: envd.url, method: "List" }, {})).body);
    while (!(await listed()).includes('"b2"')) await Bun.sleep(20);
    const joined = await collect(stream({ url: envd.url, method: "Connect" }, { process: { tag: "b2" } }));
    expect(joined.pid).toBe((await ends[1])?.pid ?? -1);
    await Promise.all(ends);
  });

  test("another signal, and input of the wrong kind", async () => {
    const ran = await run(envd, {
      script: "read line; echo got $line",
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        const of = (method: string) => ({ url: envd.url, method });
        const process = { pid };
        const signal = await unary(of("SendSignal"), { process });
        expect(signal.body).toEqual({ code: "unimplemented", message: "invalid signal: SIGNAL_UNSPECIFIED" });
        const pty = await unary(of("SendInput"), { process, input: { pty: "eA==" } });
        expect(pty.body.code).toBe("internal");
        expect((await unary(of("SendInput"), { process, input: {} })).body.code).toBe("unimplemented");
        const resize = await unary(of("Update"), { process, pty: { size: { cols: 1, rows: 1 } } });
        expect(resize.body.code).toBe("internal");
        expect(resize.body.message).toStartWith("error resizing tty: ");
        expect((await unary(of("Update"), { process })).status).toBe(200);
        const text = Buffer.from("hello\n").toString("base64");
        expect((await unary(of("SendInput"), { process, input: { stdin: text } })).status).toBe(200);
      },
    });
    expect(ran.stdout).toBe("got hello\n");
  });
});

describe("stdin", () => {
  test("switched off reads as ended, and cannot be written", async () => {
    const ran = await run(envd, { script: "cat; echo eof", request: { stdin: false } });
    expect(ran.stdout).toBe("eof\n");
    await run(envd, {
      script: "sleep 0.5",
      request: { stdin: false },
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        const answer = await unary(
          { url: envd.url, method: "SendInput" },
          { process: { pid }, input: { stdin: "eA==" } },
        );
        expect(answer.body.code).toBe("internal");
      },
    });
  });

  test("carries bytes as they are, much of them, and closes", async () => {
    const bytes = new Uint8Array(3_000_000).map((_, at) => (at * 7919) >> 3);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    const ran = await run(envd, {
      script: "sleep 0.2; sha256sum; sleep 0.5",
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        const stdin = Buffer.from(bytes).toString("base64");
        const sent = await unary({ url: envd.url, method: "SendInput" }, { process: { pid }, input: { stdin } });
        expect(sent.status).toBe(200);
        for (let time = 0; time < 2; time += 1) {
          expect((await unary({ url: envd.url, method: "CloseStdin" }, { process: { pid } })).status).toBe(200);
        }
        const late = await unary({ url: envd.url, method: "SendInput" }, { process: { pid }, input: { stdin } });
        expect(late.body.code).toMatch(/internal|not_found/);
      },
    });
    expect(ran.stdout).toBe(`${hash}  -\n`);
  });
});

describe("a terminal", () => {
  const pty = { size: { cols: 100, rows: 30 } };
  const type = (pid: number, text: string) =>
    unary(
      { url: envd.url, method: "SendInput" },
      { process: { pid }, input: { pty: Buffer.from(text).toString("base64") } },
    );

  test("is the user's, has its size, is resized, and does job control", async () => {
    let step = 0;
    const ran = await run(envd, {
      script: "",
      process: { cmd: "/bin/bash", args: ["--norc", "-i"], envs: { PS1: "prompt> ", TERM: "dumb" } },
      request: { pty },
      onEvent: async (event, { pid, pty: seen }) => {
        if (event.data === undefined) return;
        const next = async (needle: string, text: string): Promise<void> => {
          if (!seen.includes(needle)) return;
          step += 1;
          await type(pid, text);
        };
        if (step === 0) await next("prompt> ", "stty size; stat -c owner=%u $(tty)\n");
        else if (step === 1 && seen.includes(`owner=${USER.uid}`)) {
          step += 1;
          await unary(
            { url: envd.url, method: "Update" },
            { process: { pid }, pty: { size: { cols: 132, rows: 50 } } },
          );
          await type(pid, "stty size; sleep 30\n");
        } else if (step === 2 && seen.includes("50 132")) {
          step += 1;
          await Bun.sleep(300);
          await type(pid, "\x03");
          await type(pid, "echo rc=$?; exit 7\n");
        }
      },
    });
    expect(ran.pty).toContain("30 100");
    expect(ran.pty).toContain("rc=130");
    expect(ran.end).toMatchObject({ exitCode: 7, exited: true });
    expect(ran.stdout + ran.stderr).toBe("");
  });

  test("ends with its shell, whole output and exit code, though a job in the background keeps it open", async () => {
    let typedAtMs = 0;
    const ran = await run(envd, {
      script: "",
      process: { cmd: "/bin/bash", args: ["--norc", "-i"], envs: { PS1: "prompt> ", TERM: "dumb" } },
      request: { pty },
      onEvent: async (event, { pid, pty: seen }) => {
        if (event.data === undefined || typedAtMs > 0 || !seen.includes("prompt> ")) return;
        typedAtMs = performance.now();
        await type(pid, "sleep 25 & seq 1 500; echo last=words; exit 7\n");
      },
    });
    expect(performance.now() - typedAtMs).toBeLessThan(20_000);
    expect(ran.end).toMatchObject({ exitCode: 7, exited: true });
    expect(ran.pty).toContain("500\r\nlast=words\r\n");
  });

  test("refuses stdin and CloseStdin, and ends at 0x04", async () => {
    const ran = await run(envd, {
      script: "cat",
      request: { pty },
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        const stdin = await unary(
          { url: envd.url, method: "SendInput" },
          { process: { pid }, input: { stdin: "eA==" } },
        );
        expect(stdin.body.code).toBe("internal");
        expect((await unary({ url: envd.url, method: "CloseStdin" }, { process: { pid } })).body.code).toBe("unknown");
        await Bun.sleep(200);
        await type(pid, "hi\n");
        await type(pid, "\x04");
      },
    });
    expect(ran.pty).toBe("hi\r\nhi\r\n");
    expect(ran.end).toEqual({ exited: true, status: "exit status 0" });
  });

  test("killed, says so", async () => {
    const ran = await run(envd, {
      script: "sleep 30",
      request: { pty },
      onEvent: async (event, { pid }) => {
        if (event.start === undefined) return;
        await unary({ url: envd.url, method: "SendSignal" }, { process: { pid }, signal: "SIGNAL_SIGKILL" });
      },
    });
    expect(ran.end).toEqual({ exitCode: -1, status: "signal: killed", error: "signal: killed" });
  });
});

describe("bounds", () => {
  test("large output arrives whole, in pieces of at most 32 KiB", async () => {
    let largest = 0;
    let bytes = 0;
    await run(envd, {
      script: "head -c 10000000 /dev/zero",
      onEvent: (event) => {
        const size = Buffer.from(event.data?.stdout ?? "", "base64").byteLength;
        largest = Math.max(largest, size);
        bytes += size;
      },
    });
    expect(bytes).toBe(10_000_000);
    expect(largest).toBeLessThanOrEqual(32 * 1024);
  });

  test("a slow reader holds the producer back instead of filling memory", async () => {
    const before = rssMiB(envd.pid);
    const leave = new AbortController();
    let count = 0;
    await collect(
      stream(
        { url: envd.url, method: "Start", headers: basic("user"), signal: leave.signal },
        { process: { cmd: "yes", args: [] }, tag: "yes" },
      ),
      async () => {
        count += 1;
        if (count === 5) await Bun.sleep(3000);
        if (count === 10) leave.abort();
      },
    ).catch(() => undefined);
    expect(rssMiB(envd.pid) - before).toBeLessThan(60);
    const kill = { process: { tag: "yes" }, signal: "SIGNAL_SIGKILL" };
    expect((await unary({ url: envd.url, method: "SendSignal" }, kill)).status).toBe(200);
  });

  test("no descriptors are left behind", async () => {
    await Bun.sleep(300);
    const before = openFds(envd.pid);
    for (let round = 0; round < 40; round += 1) {
      await run(envd, { script: "echo hi", ...(round % 2 === 0 ? {} : { request: { pty: {} } }) });
    }
    for (let tries = 0; tries < 100 && openFds(envd.pid) > before + 2; tries += 1) await Bun.sleep(100);
    expect(openFds(envd.pid)).toBeLessThanOrEqual(before + 2);
  });
});
