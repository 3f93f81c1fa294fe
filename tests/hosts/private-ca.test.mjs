// A host behind a private certificate authority: what `up --guest-ca` names is trusted by curl, Python and Node inside, and by
// nothing else does it come there.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startOwnInstallation } from "../faults/own-installation.mjs";

const SERVER = `
import http.server, ssl
server = http.server.HTTPServer(("127.0.0.1", 8443), http.server.SimpleHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
`;
const CLIENTS = {
  curl: "curl -sf https://intra.localhost:8443/ -o /dev/null --resolve intra.localhost:8443:127.0.0.1 && echo trusted",
  python: `python3 -c 'import ssl,socket; c=ssl.create_default_context().wrap_socket(socket.create_connection(("127.0.0.1",8443)),server_hostname="intra.localhost"); print("trusted")'`,
  node: `node -e 'require("tls").connect({host:"127.0.0.1",port:8443,servername:"intra.localhost"},function(){console.log(this.authorized?"trusted":"not");this.end()})'`,
};
let dir;
let own;

function openssl(...words) {
  execFileSync("openssl", words, { cwd: dir, stdio: "pipe" });
}

before(async () => {
  dir = mkdtempSync(join(tmpdir(), "sandlot-ca-"));
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...key,
    "-days",
    "2",
    "-subj",
    "/CN=Acme private root",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
  );
  openssl("req", "-new", ...key, "-subj", "/CN=intra.localhost", "-keyout", "server.key", "-out", "server.csr");
  writeFileSync(join(dir, "names"), "subjectAltName=DNS:intra.localhost\n");
  const sign = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2"];
  openssl("x509", "-req", "-in", "server.csr", ...sign, "-out", "server.pem");
  own = await startOwnInstallation({ flags: ["--guest-ca", join(dir, "ca.pem"), "--warm", "1"] });
});
after(async () => {
  try {
    if (own !== undefined) assert.deepEqual(await own.end(), []);
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

async function verdicts() {
  const sandbox = await own.create();
  for (const name of ["server.pem", "server.key"])
    await sandbox.files.write(name, readFileSync(join(dir, name), "utf8"));
  await sandbox.files.write("serve.py", SERVER);
  await sandbox.commands.run("python3 serve.py", { background: true });
  await sandbox.commands.run(
    "for i in $(seq 100); do (echo > /dev/tcp/127.0.0.1/8443) 2>/dev/null && exit; sleep 0.05; done; exit 1",
  );
  const said = {};
  for (const [name, command] of Object.entries(CLIENTS))
    said[name] = (await sandbox.commands.run(`${command} 2>/dev/null || echo not`)).stdout.trim();
  await sandbox.kill();
  return said;
}

test("clients inside trust the private CA that --guest-ca names", async () => {
  assert.deepEqual(await verdicts(), { curl: "trusted", python: "trusted", node: "trusted" });
});

test("and no longer once it is taken back", async () => {
  await own.sandlot("down");
  await own.sandlot("up", "--detach", "--guest-ca", "none");
  assert.deepEqual(await verdicts(), { curl: "not", python: "not", node: "not" });
});
