// How soon code runs: the first runCode of a fresh sandbox from `code-interpreter-v1`, and later ones.
// node bench/code.mjs [sandboxes=10] [runs=100], with the client variables of an installation that has the template.
import { Sandbox } from "@e2b/code-interpreter";
import { reportTimes, timed } from "./support.mjs";

const [sandboxes = 10, runs = 100] = process.argv.slice(2).map(Number);

async function runCode(sandbox) {
  const { ms, value } = await timed(() => sandbox.runCode("1+1"));
  if (value.text !== "2") throw new Error(`1+1 gave ${JSON.stringify(value)}`);
  return ms;
}

const creates = [];
const first = [];
const later = [];
for (let i = 0; i < sandboxes; i++) {
  const { ms, value: sandbox } = await timed(() => Sandbox.create({ timeoutMs: 120_000 }));
  try {
    creates.push(ms);
    first.push(await runCode(sandbox));
    for (let run = 0; run < runs / sandboxes; run++) later.push(await runCode(sandbox));
  } finally {
    await sandbox.kill();
  }
}
reportTimes({ name: "create of code-interpreter-v1", times: creates });
reportTimes({ name: "first runCode of a fresh sandbox", times: first, p50: 300 });
reportTimes({ name: "later runCode('1+1')", times: later, p50: 30 });
