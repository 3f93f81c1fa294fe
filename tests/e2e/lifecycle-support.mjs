// What the tests of pauses share.
import { api, apiKey, client, Sandbox, toPort, until } from "./support.mjs";

/** The older client knows it by another name. */
export const pauseSandbox = (sandbox, options) => (sandbox.pause ?? sandbox.betaPause).call(sandbox, options);
export const post = (sandboxId, verb, body = {}) => api("POST", `/sandboxes/${sandboxId}/${verb}`, { body });
export const infoOf = async (sandboxId) => (await api("GET", `/sandboxes/${sandboxId}`)).json;
export const stateOf = async (sandboxId) => {
  const { status, json } = await api("GET", `/sandboxes/${sandboxId}`);
  return status === 200 ? json.state : status;
};
export const kill = (sandboxId) => client.Sandbox.kill(sandboxId, { apiKey });
/** Every page of a list of the client's. */
export async function allOf(pages) {
  const items = [];
  while (pages.hasNext) items.push(...(await pages.nextItems()));
  return items;
}
export const listed = (query) => allOf(Sandbox.list({ query, limit: 100 }));

/** A program that counts in its memory, and says how far it is on a port. */
const COUNTER = `
import http.server, os, threading, time
count = 0
def tick():
    global count
    while True:
        count += 1
        time.sleep(0.02)
threading.Thread(target=tick, daemon=True).start()
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
    def do_GET(self):
        self.answer(f"{os.getpid()} {count}".encode())
    def do_POST(self):
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
Server(("0.0.0.0", 8000), Handler).serve_forever()
`;

/** Starts it without a stream of ours: a client whose stream is cut asks whether the sandbox lives, which wakes it. */
export async function startCounter(sandbox, headers = {}) {
  await sandbox.files.write("counter.py", COUNTER);
  await sandbox.commands.run("setsid nohup python3 counter.py > /dev/null 2>&1 < /dev/null &");
  await until(async () => (await toPort(sandbox.sandboxId, 8000, "/", { headers })).status === 200, {
    what: "the server inside",
  });
}
