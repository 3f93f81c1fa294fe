// The client's git helpers, which are shell commands inside, against servers inside: a daemon, and smart HTTP that
// wants a password.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { client, create, until } from "./support.mjs";

const HTTP_SERVER = `
const http = require("http"), { spawn } = require("child_process");
const wanted = "Basic " + Buffer.from("ada:s3cret/+").toString("base64");
http.createServer((req, res) => {
  if (req.headers.authorization !== wanted) { res.writeHead(401, { "WWW-Authenticate": 'Basic realm="git"' }); return res.end(); }
  const url = new URL(req.url, "http://x");
  const env = { ...process.env, GIT_PROJECT_ROOT: "/tmp/served", GIT_HTTP_EXPORT_ALL: "1", PATH_INFO: url.pathname, QUERY_STRING: url.search.slice(1),
    REQUEST_METHOD: req.method, CONTENT_TYPE: req.headers["content-type"] || "", REMOTE_USER: "ada", HTTP_CONTENT_ENCODING: req.headers["content-encoding"] || "", HTTP_GIT_PROTOCOL: req.headers["git-protocol"] || "" };
  const child = spawn("git", ["http-backend"], { env });
  req.pipe(child.stdin);
  const parts = [];
  child.stdout.on("data", (part) => parts.push(part));
  child.on("close", () => {
    const all = Buffer.concat(parts), at = all.indexOf("\\r\\n\\r\\n");
    let status = 200;
    for (const line of all.subarray(0, at).toString().split("\\r\\n")) {
      const [name, value] = line.split(": ");
      if (name === "Status") status = parseInt(value); else res.setHeader(name, value);
    }
    res.writeHead(status);
    res.end(all.subarray(at + 4));
  });
}).listen(8090, "127.0.0.1");
`;

const REMOTE = "http://127.0.0.1:8090/closed.git";
let sandbox;
let git;
before(async () => {
  sandbox = await create();
  git = sandbox.git;
  await sandbox.files.write("server.js", HTTP_SERVER);
  await sandbox.commands.run(
    `set -e; mkdir -p /tmp/served; cd /tmp/served
     git init -q --bare --initial-branch=main open.git; git init -q --bare --initial-branch=main closed.git
     git -C closed.git config http.receivepack true`,
  );
  await git.configureUser("Ada Lovelace", "ada@example.com");
  await sandbox.commands.run("git daemon --base-path=/tmp/served --export-all --enable=receive-pack --reuseaddr", {
    background: true,
    timeoutMs: 0,
  });
  await sandbox.commands.run("node server.js", { background: true, timeoutMs: 0 });
  await until(
    async () =>
      (await sandbox.commands.run("ss -Htln '( sport = 9418 or sport = 8090 )'")).stdout.includes("8090") &&
      (await sandbox.commands.run("ss -Htln '( sport = 9418 )'")).stdout !== "",
    { what: "both servers" },
  );
});

test("a repository is made, filled, and its state told", async () => {
  await git.init("own", { initialBranch: "trunk" });
  await sandbox.files.write("own/one.txt", "1\n");
  const before = await git.status("own");
  assert.equal(before.currentBranch, "trunk");
  assert.equal(before.isClean, false);
  assert.deepEqual(
    before.fileStatus.map(({ name, status, staged }) => [name, status, staged]),
    [["one.txt", "untracked", false]],
  );
  await git.add("own");
  assert.equal((await git.status("own")).hasStaged, true);
  await git.commit("own", "first: 'quotes' and \"more\"", { authorName: "Grace", authorEmail: "grace@example.com" });
  assert.equal((await git.status("own")).isClean, true);
  const log = await sandbox.commands.run("git -C own log --format='%an|%ae|%s'");
  assert.equal(log.stdout, "Grace|grace@example.com|first: 'quotes' and \"more\"\n");
});

test("branches are made, changed to, listed and deleted", async () => {
  await git.init("twigs", { initialBranch: "main" });
  await git.commit("twigs", "empty", { allowEmpty: true });
  await git.createBranch("twigs", "side");
  assert.deepEqual(
    await git.branches("twigs").then(({ branches, currentBranch }) => [branches.sort(), currentBranch]),
    [["main", "side"], "side"],
  );
  await git.checkoutBranch("twigs", "main");
  await git.deleteBranch("twigs", "side");
  assert.deepEqual((await git.branches("twigs")).branches, ["main"]);
});

test("changes are taken back, staged or not", async () => {
  await git.init("undo", { initialBranch: "main" });
  await sandbox.files.write("undo/a.txt", "old");
  await git.add("undo", { files: ["a.txt"] });
  await git.commit("undo", "one");
  await sandbox.files.write("undo/a.txt", "new");
  await git.add("undo");
  await git.reset("undo", { mode: "mixed" });
  assert.equal((await git.status("undo")).hasStaged, false);
  await git.restore("undo", { paths: ["a.txt"] });
  assert.equal(await sandbox.files.read("undo/a.txt"), "old");
});

test("configuration and remotes are set and read", async () => {
  await git.init("conf");
  await git.setConfig("core.comment", "x y", { scope: "local", path: "conf" });
  assert.equal(await git.getConfig("core.comment", { scope: "local", path: "conf" }), "x y");
  assert.equal(await git.getConfig("core.nothing"), undefined);
  assert.equal(await git.getConfig("user.email"), "ada@example.com");
  await git.remoteAdd("conf", "origin", "git://127.0.0.1/open.git");
  assert.equal(await git.remoteGet("conf", "origin"), "git://127.0.0.1/open.git");
  assert.equal(await git.remoteGet("conf", "other"), undefined);
  await git.remoteAdd("conf", "origin", "git://127.0.0.1/closed.git", { overwrite: true });
  assert.equal(await git.remoteGet("conf", "origin"), "git://127.0.0.1/closed.git");
});

test("a clone from a daemon, a push with its upstream, and a pull of what another pushed", async () => {
  await git.clone("git://127.0.0.1/open.git", { path: "first" });
  await sandbox.files.write("first/readme.md", "hello");
  await git.add("first");
  await git.commit("first", "hello");
  await git.push("first", { remote: "origin", branch: "main", setUpstream: true });
  await git.clone("git://127.0.0.1/open.git", { path: "second", branch: "main", depth: 1 });
  await sandbox.files.write("second/more.md", "more");
  await git.add("second");
  await git.commit("second", "more");
  await git.push("second");
  await git.pull("first");
  assert.equal(await sandbox.files.read("first/more.md"), "more");
  const status = await git.status("first");
  assert.deepEqual([status.upstream, status.ahead, status.behind], ["origin/main", 0, 0]);
});

test("a password is asked for, used, and not left behind", async () => {
  await assert.rejects(git.clone(REMOTE, { path: "refused" }), client.GitAuthError);
  const credentials = { username: "ada", password: "s3cret/+" };
  await git.clone(REMOTE, { path: "closed", ...credentials });
  assert.equal(await git.remoteGet("closed", "origin"), REMOTE);
  await sandbox.files.write("closed/secret.md", "x");
  await git.add("closed");
  await git.commit("closed", "x");
  await assert.rejects(git.push("closed", { remote: "origin", branch: "main" }), client.GitAuthError);
  await git.push("closed", { remote: "origin", branch: "main", ...credentials });
  assert.doesNotMatch((await sandbox.commands.run("cat closed/.git/config ~/.gitconfig")).stdout, /s3cret/);
});

test("stored credentials serve from then on", async () => {
  await git.dangerouslyAuthenticate({
    username: "ada",
    password: "s3cret/+",
    host: "127.0.0.1:8090",
    protocol: "http",
  });
  await git.clone(REMOTE, { path: "stored" });
  await sandbox.commands.run("git -C stored ls-remote");
});

test("a push without an upstream is told as such", async () => {
  await git.init("lonely", { initialBranch: "main" });
  await git.commit("lonely", "empty", { allowEmpty: true });
  await git.remoteAdd("lonely", "origin", "git://127.0.0.1/open.git");
  await assert.rejects(git.push("lonely", { setUpstream: false }), client.GitUpstreamError);
});
