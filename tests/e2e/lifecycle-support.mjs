// What the tests of pauses share.
import { api, apiKey, client, Sandbox } from "./support.mjs";

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
export const COUNTER = `
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
http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
`;
