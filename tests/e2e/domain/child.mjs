// Runs where the installation's name server is the resolver and its authority is trusted: the stock client with a domain alone.
import assert from "node:assert/strict";
import http2 from "node:http2";

const { Sandbox } = await import(process.env.SANDLOT_E2B_PACKAGE ?? "e2b");

const sandbox = await Sandbox.create("base", { timeoutMs: 60_000 });
try {
  const said = [];
  const run = await sandbox.commands.run("for i in 1 2 3; do echo $i; sleep 0.1; done; echo oops >&2", {
    onStdout: (text) => said.push(text),
  });
  assert.equal(run.stdout, "1\n2\n3\n");
  assert.equal(run.stderr, "oops\n");
  assert.ok(said.length > 1, "output came as it was made");

  const body = "x".repeat(3_000_000);
  await sandbox.files.write("/home/user/big.txt", body);
  assert.equal(await sandbox.files.read("/home/user/big.txt"), body);
  const url = await sandbox.downloadUrl("/home/user/big.txt", { useSignatureExpiration: 60_000 });
  assert.match(url, /^https:\/\/49983-/);
  assert.equal((await (await fetch(url)).text()).length, body.length);

  await sandbox.commands.run("mkdir -p www && echo served > www/index.html");
  await sandbox.commands.run("python3 -m http.server 8000 -d www", { background: true });
  const page = `https://${sandbox.getHost(8000)}/`;
  let answer;
  for (let tries = 0; tries < 300; tries += 1) {
    answer = await fetch(page);
    if (answer.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(await answer.text(), "served\n");

  const session = http2.connect(`https://${sandbox.getHost(8000)}`);
  const h2 = await new Promise((resolve, reject) => {
    session.on("error", reject);
    session
      .request({ ":path": "/" })
      .on("response", (headers) => resolve(headers[":status"]))
      .resume();
  });
  session.close();
  assert.equal(h2, 200);
  assert.equal(await sandbox.isRunning(), true);
} finally {
  assert.equal(await sandbox.kill(), true);
}
assert.equal(await sandbox.isRunning(), false);
console.log("all of it worked");
