// The published code interpreter's client against our server, in a sandbox of its template.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { Sandbox } from "@e2b/code-interpreter";
import { codeSandbox } from "./code-interpreter.mjs";
import { pythonWith } from "./python-packages.mjs";
import { api, until } from "./support.mjs";

const run = promisify(execFile);
const keepsNoMemory = process.env.SANDLOT_TEST_CRIU === "" && "pauses keep no memory on this machine";

const sandbox = await codeSandbox();

test("runs code with state, output and a result", async () => {
  await sandbox.runCode("x = 1");
  const said = [];
  const execution = await sandbox.runCode("import sys\nprint('out')\nprint('err', file=sys.stderr)\nx += 1; x", {
    onStdout: (message) => said.push(message.line),
  });
  assert.equal(execution.text, "2");
  assert.deepEqual(execution.logs, { stdout: ["out\n"], stderr: ["err\n"] });
  assert.deepEqual(said, ["out\n"]);
  assert.ok(execution.executionCount >= 2);
});

test("streams output while code runs", async () => {
  const atMs = [];
  await sandbox.runCode("import time\nfor i in range(3):\n  print(i, flush=True)\n  time.sleep(0.6)", {
    onStdout: () => atMs.push(performance.now()),
  });
  assert.ok(atMs.at(-1) - atMs[0] > 300, `output came within ${atMs.at(-1) - atMs[0]} ms`);
});

test("passes on much output whole, at once and in pieces", async () => {
  const { logs } = await sandbox.runCode("print('\u00e9' * 5_000_000)\nfor i in range(200): print('x' * 50_000)");
  assert.equal(logs.stdout.join("").length, 5_000_001 + 200 * 50_001);
});

test("tells of errors with name, value and traceback", async () => {
  const { error } = await sandbox.runCode("1/0");
  assert.equal(error.name, "ZeroDivisionError");
  assert.equal(error.value, "division by zero");
  assert.match(error.traceback, /ZeroDivisionError/);
});

test("gives tables as columns, and texts without quotes", async () => {
  const [table] = (await sandbox.runCode("import pandas as pd\npd.DataFrame({'a': [1, 2], 'b': ['x', 'y']})")).results;
  assert.deepEqual(table.data, { a: [1, 2], b: ["x", "y"] });
  assert.match(table.html, /<table/);
  assert.equal((await sandbox.runCode("'quoted'")).text, "quoted");
});

const CHARTS = {
  line: [
    "plt.plot([1, 2], [3, 4], label='l'); plt.xlabel('Time (s)'); plt.title('T')",
    (chart) => {
      assert.equal(chart.title, "T");
      assert.equal(chart.x_unit, "s");
      assert.equal(chart.x_scale, "linear");
      assert.deepEqual(chart.elements, [
        {
          label: "l",
          points: [
            [1, 3],
            [2, 4],
          ],
        },
      ]);
    },
  ],
  scatter: [
    "plt.scatter([1, 2], [3, 4], label='s')",
    (chart) =>
      assert.deepEqual(chart.elements, [
        {
          label: "s",
          points: [
            [1, 3],
            [2, 4],
          ],
        },
      ]),
  ],
  bar: [
    "plt.bar(['one', 'two'], [3, 4], label='g')",
    (chart) =>
      assert.deepEqual(chart.elements, [
        { label: "one", group: "g", value: 3 },
        { label: "two", group: "g", value: 4 },
      ]),
  ],
  pie: [
    "plt.pie([1, 3], labels=['a', 'b'])",
    (chart) => {
      assert.deepEqual(
        chart.elements.map((slice) => slice.label),
        ["a", "b"],
      );
      assert.deepEqual(
        chart.elements.map((slice) => Math.round(slice.angle)),
        [90, 270],
      );
    },
  ],
  box_and_whisker: [
    "plt.boxplot([[1, 2, 3, 4, 5, 30]], labels=['b'])",
    (chart) => {
      const [box] = chart.elements;
      assert.equal(box.label, "b");
      assert.equal(box.median, 3.5);
      assert.deepEqual(box.outliers, [30]);
      assert.equal(box.min, 1);
      assert.equal(box.max, 5);
    },
  ],
  superchart: [
    "f, (a, b) = plt.subplots(1, 2); a.plot([1]); b.bar(['x'], [1])",
    (chart) =>
      assert.deepEqual(
        chart.elements.map((part) => part.type),
        ["line", "bar"],
      ),
  ],
};
for (const [type, [code, check]] of Object.entries(CHARTS)) {
  test(`extracts a ${type} chart beside its picture`, async () => {
    const execution = await sandbox.runCode(`import matplotlib.pyplot as plt\n${code}\nplt.show()`);
    const shown = execution.results.find((result) => result.chart !== undefined);
    assert.ok(shown?.png, JSON.stringify(execution.error ?? execution.results.map((result) => result.formats())));
    assert.equal(shown.chart.type, type);
    check(shown.chart);
  });
}

test("passes on every representation", async () => {
  const { results } = await sandbox.runCode(
    [
      "from IPython.display import *",
      "display(HTML('<b>')); display(JSON({'a': 1})); display(Markdown('# m')); display(Latex('$x$'))",
      "display(Javascript('1')); display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))",
      "display({'application/x-own': 'o', 'text/plain': 't'}, raw=True)",
    ].join("\n"),
  );
  assert.deepEqual(
    results.flatMap((result) => result.formats()),
    [...["html", "json", "markdown", "latex", "javascript", "svg", "application/x-own"]],
  );
});

test("sets variables for one execution only, the sandbox's own always", async () => {
  const read = "import os; os.environ.get('ONCE'), os.environ.get('OF_SANDBOX')";
  assert.equal((await sandbox.runCode(read, { envs: { ONCE: "a'b\"c" } })).text, "('a\\'b\"c', 'yes')");
  assert.equal((await sandbox.runCode(read)).text, "(None, 'yes')");
});

test("makes, lists, restarts and removes contexts", async () => {
  const context = await sandbox.createCodeContext({ cwd: "/tmp" });
  assert.deepEqual([context.language, context.cwd], ["python", "/tmp"]);
  await sandbox.runCode("y = 5", { context });
  assert.equal((await sandbox.runCode("import os; (os.getcwd(), y)", { context })).text, "('/tmp', 5)");
  assert.equal((await sandbox.runCode("y")).error.name, "NameError");
  assert.ok((await sandbox.listCodeContexts()).some(({ id }) => id === context.id));
  await sandbox.restartCodeContext(context);
  assert.equal((await sandbox.runCode("y", { context })).error.name, "NameError");
  await sandbox.removeCodeContext(context);
  await assert.rejects(sandbox.runCode("1", { context }), { name: "NotFoundError" });
  await assert.rejects(sandbox.removeCodeContext(context), { name: "NotFoundError" });
});

test("a client that gives up interrupts its code, and the context lives on", async () => {
  await sandbox.runCode("kept = 1");
  await assert.rejects(sandbox.runCode("import time\ntime.sleep(60)", { timeoutMs: 400 }), { name: "TimeoutError" });
  const startMs = performance.now();
  assert.equal((await sandbox.runCode("kept")).text, "1");
  assert.ok(performance.now() - startMs < 20_000);
});

test("a killed kernel ends its code with an error and is there again", async () => {
  const { error } = await sandbox.runCode("import os; os.kill(os.getpid(), 9)");
  assert.equal(error.name, "KernelError");
  assert.equal((await sandbox.runCode("1 + 1")).text, "2");
});

test("executions in one context wait for each other", async () => {
  const [first, second] = await Promise.all([
    sandbox.runCode("import time; time.sleep(0.3); order = 'first'"),
    sandbox.runCode("order"),
  ]);
  assert.equal(first.error, undefined);
  assert.equal(second.text, "first");
});

test("refuses what it does not know", async () => {
  await assert.rejects(sandbox.runCode("1", { language: "cobol" }), { name: "SandboxError" });
});

test("runs code only for those who have the sandbox's token", async () => {
  const answer = await sandbox.plainExecute({ code: "1" });
  assert.equal(answer.status, 401);
});

test("runs Bash with state, errors apart, and through interrupts", async () => {
  const bash = (code, options) => sandbox.runCode(code, { language: "bash", ...options });
  assert.deepEqual((await bash("n=7; echo out; echo err >&2")).logs, { stdout: ["out\n"], stderr: ["err\n"] });
  assert.deepEqual((await bash("echo $n $V", { envs: { V: "it's" } })).logs.stdout.join(""), "7 it's\n");
  assert.equal((await bash("false")).error.value, "exit status 1");
  await assert.rejects(bash("sleep 60; echo not reached", { timeoutMs: 400 }), { name: "TimeoutError" });
  assert.equal((await bash("echo $n")).logs.stdout.join(""), "7\n");
});

for (const language of ["javascript", "typescript", "js", "ts"]) {
  test(`runs ${language}`, { skip: sandbox.lacks("javascript") }, async () => {
    const execution = await sandbox.runCode("{ const n: number = 5; console.log('hi', n) }; 5 + 1", { language });
    assert.equal(execution.error, undefined, JSON.stringify(execution.error));
    assert.equal(execution.text, "6");
    assert.deepEqual(execution.logs.stdout, ["hi 5\n"]);
    assert.equal((await sandbox.runCode("throw new Error('no')", { language })).error.value, "no");
  });
}

test("runs R", { skip: sandbox.lacks("r") }, async () => {
  const execution = await sandbox.runCode("x <- 3; print(x); x + 1", { language: "r" });
  assert.equal(execution.error, undefined);
  assert.match(execution.results[0].text, /4/);
  assert.match(execution.logs.stdout.join(""), /3/);
});

test("runs Java", { skip: sandbox.lacks("java") }, async () => {
  const execution = await sandbox.runCode('int x = 3; System.out.println("hi"); x + 1', { language: "java" });
  assert.equal(execution.error, undefined, JSON.stringify(execution.error));
  assert.equal(execution.text, "4");
  assert.equal((await sandbox.runCode('System.getProperty("A")', { language: "java", envs: { A: "b" } })).text, "b");
});

test("the server comes back when it is killed", async () => {
  await sandbox.commands.run("pkill -9 -x code-interprete");
  for (let i = 0; ; i++) {
    const well = await sandbox.commands.run("curl -sf http://127.0.0.1:49999/health").catch(() => undefined);
    if (well !== undefined) break;
    assert.ok(i < 600, "it did not come back");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal((await sandbox.runCode("1 + 1")).text, "2");
  const kernels = async () => (await sandbox.commands.run("pgrep -fc 'python/[k]ernel.py' || true")).stdout.trim();
  await until(async () => (await kernels()) === "1", { what: "the end of the dead server's kernel" });
});

test("the Python client sees the same, with both its faces", { timeout: 240_000 }, async (context) => {
  const python = await pythonWith("e2b-code-interpreter==2.11.5");
  if (python.problem !== undefined) return context.skip(python.problem);
  const script = fileURLToPath(new URL("./python/code.py", import.meta.url));
  const { stdout } = await run(python.path, [script, sandbox.sandboxId], { timeout: 120_000 });
  const chart = [
    "BarChart",
    [
      ["one", "g", 3],
      ["two", "g", 4],
    ],
  ];
  assert.deepEqual(JSON.parse(stdout), {
    sync: {
      ...{ text: "42", lines: [["out\n", true]], error: "ZeroDivisionError", envs: "b", cwd: "/tmp" },
      ...{ timed_out: "TimeoutException", chart, again: "2" },
    },
    async: { text: "async", chart },
  });
});

test("variables and running kernels survive a pause", { skip: keepsNoMemory, timeout: 120_000 }, async () => {
  await sandbox.runCode("import random; over_pause = 7");
  await sandbox.pause();
  const resumed = await Sandbox.connect(sandbox.sandboxId, { timeoutMs: 600_000 });
  assert.equal((await resumed.runCode("over_pause")).text, "7");
});

test("E5 forks keep variables, and draw other random numbers", { skip: keepsNoMemory, timeout: 120_000 }, async () => {
  await sandbox.runCode("import random, numpy; random.seed(1); numpy.random.seed(1); before_fork = 'here'");
  await sandbox.runCode("RANDOM=1; fork_me=here", { language: "bash" });
  const { json } = await api("POST", `/sandboxes/${sandbox.sandboxId}/fork`, { body: { count: 2, timeout: 120 } });
  const forks = await Promise.all(json.map((fork) => Sandbox.connect(fork.sandbox.sandboxID)));
  try {
    const draw = "(before_fork, random.random(), numpy.random.rand())";
    const drawn = await Promise.all(forks.map((fork) => fork.runCode(draw)));
    for (const { text } of drawn) assert.match(text ?? "", /^\('here', /);
    const [one, two] = drawn.map(({ text }) => text.split(", "));
    assert.notEqual(one[1], two[1]);
    assert.notEqual(one[2], two[2]);
    const shells = await Promise.all(
      forks.map((fork) => fork.runCode("echo $fork_me $RANDOM$RANDOM", { language: "bash" })),
    );
    assert.equal(new Set(shells.map(({ logs }) => logs.stdout.join(""))).size, 2);
  } finally {
    await Promise.all(forks.map((fork) => fork.kill()));
  }
});
