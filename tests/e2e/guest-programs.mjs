// Programs that tests run inside sandboxes, in Python since every template has it.

/**
 * Says its process id, how often it was asked, a hash of what it has had in memory since its start, and new randomness.
 * `oracle.py [bytes]`, of which it keeps two million unless told otherwise.
 */
export const ORACLE = `
import hashlib, http.server, os, sys, uuid
kept = os.urandom(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000)
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global asked
        asked += 1
        words = [os.getpid(), asked, hashlib.sha256(kept).hexdigest(), os.urandom(16).hex(), uuid.uuid4().hex]
        body = " ".join(map(str, words)).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.HTTPServer(("0.0.0.0", 8000), Handler).serve_forever()
`;

/**
 * Appends records to a journal, synced one by one, each with the hash of all before it; and keeps the same chain in memory.
 * `writer.py <bytes of a record>`; `writer.py <bytes> files` writes a file for each, too.
 */
export const WRITER = `
import hashlib, os, sys, time
record_bytes, with_files = int(sys.argv[1]), sys.argv[2:] == ["files"]
chain = hashlib.sha256()
count = 0
log = open("/home/user/journal", "ab", buffering=0)
files = "/home/user/files"
os.makedirs(files, exist_ok=True)
while True:
    body = os.urandom(record_bytes).hex()
    chain.update(body.encode())
    count += 1
    log.write(f"{count} {body} {chain.hexdigest()}\\n".encode())
    os.fsync(log.fileno())
    if with_files:
        with open(f"{files}/{count % 500}", "w") as file:
            file.write(f"{hashlib.sha256(body.encode()).hexdigest()} {body}")
        os.rename(f"{files}/{count % 500}", f"{files}/r{count % 500}")
    time.sleep(0.005)
`;

/** Every record in its place with the right hash, every file whole but for the one being written. Says how many records. */
export const CHECKER = `
import hashlib, os
chain = hashlib.sha256()
count = 0
for line in open("/home/user/journal", "rb").read().split(b"\\n")[:-1]:
    number, body, digest = line.decode().split(" ")
    count += 1
    chain.update(body.encode())
    assert int(number) == count, (number, count)
    assert chain.hexdigest() == digest, count
bad = 0
for name in os.listdir("/home/user/files"):
    if name[0] != "r":
        continue
    digest, body = open(f"/home/user/files/{name}").read().split(" ")
    bad += hashlib.sha256(body.encode()).hexdigest() != digest
assert bad == 0, bad
print(count)
`;
