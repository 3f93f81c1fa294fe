# Takes all it can get of one thing, says how much that was, and holds it for as many seconds as it is told.
import ctypes, errno, os, resource, socket, sys, time

libc = ctypes.CDLL(None, use_errno=True)
what, seconds = sys.argv[1], float(sys.argv[2])
kept = []
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def until_refused(take, most):
    for count in range(most):
        try:
            kept.append(take())
        except OSError as error:
            return count, errno.errorcode[error.errno]
    return most, "none"


def processes():
    """A bomb: everyone forks until nobody can, and nobody leaves."""
    if os.fork() == 0:
        end = time.time() + seconds
        while time.time() < end:
            try:
                os.fork()
            except OSError:
                time.sleep(0.05)
        os._exit(0)
    time.sleep(seconds)
    return "done"


def memory():
    if os.fork() == 0:
        open("/proc/self/oom_score_adj", "w").write("1000")
        hog = []
        while True:
            hog.append(bytearray(16 << 20))
    _, status = os.wait()
    return f"signal {status & 127}"


def shared_memory():
    os.makedirs("/tmp/greedy", exist_ok=True)
    if os.fork() == 0:
        open("/proc/self/oom_score_adj", "w").write("1000")
        libc.mount(b"tmpfs", b"/tmp/greedy", b"tmpfs", 0, b"size=64g")
        with open("/tmp/greedy/file", "wb") as file:
            for _ in range(4096):
                file.write(b"x" * (1 << 20))
        os._exit(0)
    _, status = os.wait()
    libc.umount2(b"/tmp/greedy", 2)
    return f"signal {status & 127}"


def page_cache():
    with open("/root/cache", "wb") as file:
        for _ in range(1024):
            file.write(b"x" * (1 << 20))
    while open("/root/cache", "rb").read(1 << 20) == b"":
        pass
    os.remove("/root/cache")
    return "done"


def tcp():
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)
    sent = 0
    piece = b"x" * (1 << 20)
    end = time.time() + 4
    while time.time() < end and len(kept) < 3000:
        one = socket.socket()
        one.connect(listener.getsockname())
        kept.extend([one, listener.accept()[0]])
        one.setblocking(False)
        try:
            while True:
                sent += one.send(piece)
        except BlockingIOError:
            pass
    return f"{sent >> 20} MiB"


def disk():
    fd = os.open("/root/all", os.O_CREAT | os.O_WRONLY)
    count = 0
    size = 8 << 30
    while size > 4096:
        try:
            os.posix_fallocate(fd, count, size)
            count += size
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EFBIG):
                raise
            size //= 2
    try:
        open("/root/more", "wb").write(b"x" * (1 << 20))
        return "no end"
    except OSError as error:
        return errno.errorcode[error.errno]
    finally:
        os.remove("/root/all")


def inodes():
    os.makedirs("/root/many", exist_ok=True)
    return until_refused(lambda: os.close(os.open(f"/root/many/{len(kept)}", os.O_CREAT | os.O_WRONLY)), 100_000)


def names():
    """DNS questions from many source ports: connection tracking and the node's resolver."""
    question = b"\0\1\1\0\0\1\0\0\0\0\0\0\1a\7invalid\0\0\1\0\1"
    sent = 0
    end = time.time() + seconds
    while time.time() < end and sent < 12_000:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            one.sendto(question if sent % 3 else os.urandom(sent % 600), ("169.254.0.22", 53))
        except OSError:
            pass
        sent += 1
        one.close()
    return "done"


def log():
    """Into PID 1's own output, which the node reads."""
    with open("/proc/1/fd/1", "ab", buffering=0) as out:
        end = time.time() + seconds
        written = 0
        while time.time() < end and written < 512 << 20:
            written += out.write(b'{"level":"error","msg":"' + b"x\\u0000" * 100 + b'"}\n' + os.urandom(200) + b"\n" + b"y" * 70000)
    return "done"


def terminals():
    return until_refused(lambda: os.open("/dev/ptmx", os.O_RDWR | os.O_NOCTTY), 5000)


def events():
    number = 206 if os.uname().machine == "x86_64" else 0

    def take():
        context = ctypes.c_ulong(0)
        if libc.syscall(number, 4096, ctypes.byref(context)) < 0:
            raise OSError(ctypes.get_errno(), "")
        return context

    return until_refused(take, 64)


def files():
    return until_refused(lambda: os.open("/dev/null", os.O_RDONLY), 100_000)


print(globals()[what](), flush=True)
if what in ("tcp", "terminals", "events", "files"):
    time.sleep(seconds)
