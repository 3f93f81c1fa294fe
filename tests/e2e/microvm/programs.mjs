// Programs that run inside virtual machines, in Python since every template has it.

/** Says its process id, how often it was asked, a hash of what it has had in memory since its start, and new randomness. */
export const ORACLE = `
import hashlib, http.server, os, uuid
kept = os.urandom(2_000_000)
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

/** Appends records, each synced and with the hash of all before it. */
export const WRITER = `
import hashlib, os, time
chain = hashlib.sha256()
count = 0
log = open("/home/user/journal", "ab", buffering=0)
while True:
    body = os.urandom(1000).hex()
    chain.update(body.encode())
    count += 1
    log.write(f"{count} {body} {chain.hexdigest()}\\n".encode())
    os.fsync(log.fileno())
    time.sleep(0.005)
`;

/** Every record in its place with the right hash. */
export const CHECKER = `
import hashlib
chain = hashlib.sha256()
count = 0
for line in open("/home/user/journal", "rb").read().split(b"\\n")[:-1]:
    number, body, digest = line.decode().split(" ")
    count += 1
    chain.update(body.encode())
    assert int(number) == count, (number, count)
    assert chain.hexdigest() == digest, count
print(count)
`;

/** As root: writes nonsense to every channel that the machine has towards its host. */
export const FUZZ = `
import glob, os
for path in sorted(glob.glob("/dev/vport*") + glob.glob("/dev/virtio-ports/*") + ["/dev/ttyS0", "/dev/hvc0"]):
    try:
        fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        print(path, "refused", error.strerror)
        continue
    sent = 0
    try:
        for size in [1, 4, 4096, 1 << 16, 1 << 20]:
            sent += os.write(fd, os.urandom(size))
            sent += os.write(fd, b"\\xff" * 64 + b"exit 0\\nready\\nfailed nonsense\\n")
    except OSError as error:
        print(path, "stopped", error.strerror)
    print(path, "took", sent)
    os.close(fd)
`;
