#!/usr/bin/python3
# What a guest may put in the way of those on the host that read from it. As `/usr/lib/sandlot/envd` it is a false envd;
# with the word "fuse" a root directory that never answers; with "http <port>" a server of bad answers by path.
import ctypes, os, socket, struct, sys, threading, time

libc = ctypes.CDLL(None, use_errno=True)


def serve(port, answer):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("0.0.0.0", port))
    listener.listen(64)
    while True:
        peer, _ = listener.accept()
        threading.Thread(target=quietly, args=(answer, peer), daemon=True).start()


def quietly(answer, peer):
    try:
        answer(peer, peer.recv(65536))
    except OSError:
        pass
    finally:
        peer.close()


def endless(peer, piece, seconds=8):
    end = time.time() + seconds
    while time.time() < end:
        peer.sendall(piece)


def false_envd(peer, request):
    target = open("/root/redirect-to").read().strip()
    path = request.split(b" ")[1]
    if path.startswith(b"/health") or path.startswith(b"/init"):
        peer.sendall(b"HTTP/1.1 307 x\r\nLocation: %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % target.encode())
    else:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n")
        endless(peer, b" " * (1 << 20))


OK = b"HTTP/1.1 200 OK\r\n"
BAD = {
    b"/endless-head": lambda peer: (peer.sendall(OK), endless(peer, b"X-Pad: " + b"y" * 8000 + b"\r\n")),
    b"/endless-line": lambda peer: (peer.sendall(OK + b"X-Pad: "), endless(peer, b"y" * 65536)),
    b"/endless-status": lambda peer: (peer.sendall(b"HTTP/1.1 200 "), endless(peer, b"y" * 65536)),
    b"/endless-interim": lambda peer: endless(peer, b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" * 100),
    b"/two-lengths": lambda peer: peer.sendall(OK + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello"),
    b"/length-and-chunks": lambda peer: peer.sendall(OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nX-Smuggled: 1\r\n\r\n"),
    b"/negative-length": lambda peer: peer.sendall(OK + b"Content-Length: -5\r\n\r\nhello"),
    b"/huge-chunk": lambda peer: peer.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello"),
    b"/chunk-words": lambda peer: (peer.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n5;"), endless(peer, b"x" * 65536)),
    b"/endless-trailers": lambda peer: (peer.sendall(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n"), endless(peer, b"X: y\r\n" * 1000)),
    b"/bare-feeds": lambda peer: peer.sendall(b"HTTP/1.1 200 OK\nX-A: b\n\nhello"),
    b"/nul": lambda peer: peer.sendall(OK + b"X-\0: a\r\nContent-Length: 0\r\n\r\n"),
    b"/not-http": lambda peer: peer.sendall(b"SSH-2.0-x\r\n"),
    b"/switch": lambda peer: (peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), peer.recv(10)),
    b"/surplus": lambda peer: peer.sendall(OK + b"Content-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nX-Smuggled: 1\r\nContent-Length: 4\r\n\r\nevil"),
    b"/nothing": lambda peer: None,
    b"/fine": lambda peer: peer.sendall(OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok"),
}


def silent_root():
    """Puts a file system that never answers where PID 1's root was."""
    fd = os.open("/dev/fuse", os.O_RDWR)
    os.makedirs("/root/silent", exist_ok=True)
    options = f"fd={fd},rootmode=40000,user_id=0,group_id=0,allow_other"
    if libc.mount(b"silent", b"/root/silent", b"fuse", 6, options.encode()) < 0:
        raise OSError(ctypes.get_errno(), "fuse")
    request = os.read(fd, 65536)
    unique = struct.unpack("<Q", request[8:16])[0]
    init = struct.pack("<IIIIHHIIHHIIQ", 7, 31, 65536, 0, 16, 12, 65536, 1, 0, 0, 0, 0, 0).ljust(64, b"\0")
    os.write(fd, struct.pack("<IiQ", 16 + len(init), 0, unique) + init)
    print("silent", flush=True)
    time.sleep(1)  # let envd hand that on: afterwards it may wait for a file for ever
    libc.syscall(155 if os.uname().machine == "x86_64" else 41, b"/root/silent", b"/root/silent")  # pivot_root
    # The daemon answers no question; whoever asks one waits for it.
    time.sleep(60)


if sys.argv[1] == "fuse":
    silent_root()
elif sys.argv[1] == "http":
    serve(int(sys.argv[2]), lambda peer, request: BAD.get(request.split(b" ")[1], BAD[b"/fine"])(peer))
else:
    serve(49983, false_envd)
