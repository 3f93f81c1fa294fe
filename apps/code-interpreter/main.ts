/** The code interpreter's server inside a sandbox. */
import { codeInterpreterConfig, lineLog, startCodeInterpreter } from "@sandlot/code-interpreter";
import { runMain } from "@sandlot/lifetime";

await runMain(async () => {
  const server = startCodeInterpreter(codeInterpreterConfig(process.env), {
    log: lineLog((line) => process.stdout.write(line)),
  });
  // Without its warm kernels it is of no use: whoever supervises it starts it again.
  await server.ready;
  return server;
});
