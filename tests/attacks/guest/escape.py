# Runs as the sandbox's root, with everything a container's root may try. Prints one JSON object: for every attempt
# "refused" with the reason, or what was gained. The test beside knows what each must say.
import ctypes, errno, fcntl, glob, json, os, socket, stat, struct, subprocess, tempfile

libc = ctypes.CDLL(None, use_errno=True)
found = {}


def attempt(name):
    def run(function):
        try:
            found[name] = function()
        except OSError as error:
            found[name] = "refused " + errno.errorcode.get(error.errno, str(error.errno))
        except subprocess.SubprocessError as error:
            found[name] = f"refused {error}"
        return function

    return run


def call(number, *args):
    """A system call by number; x86_64 and arm64 share those above 423."""
    result = libc.syscall(number, *args)
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def native(x86, arm):
    return x86 if os.uname().machine == "x86_64" else arm


def mount(kind, at, options=None, flags=0, source=None):
    os.makedirs(at, exist_ok=True)
    source = source or kind
    if libc.mount(source.encode(), at.encode(), kind.encode() if kind else None, flags, options and options.encode()) < 0:
        raise OSError(ctypes.get_errno(), "")


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return f"wrote {path}"


def unmount_all(path):
    """Takes off whatever lies over a path: the masks were made in this very namespace, so its root may."""
    while libc.umount2(path.encode(), 2) == 0:
        pass


def drop_masks():
    points = [line.split()[4] for line in open("/proc/self/mountinfo")]
    for point in sorted(points, key=len, reverse=True):
        if point.startswith(("/proc/", "/sys/")):
            unmount_all(point)
    libc.mount(b"none", b"/sys", None, 32, None)  # remount without read-only, the file system as well as the place
    libc.mount(b"none", b"/sys", None, 32 | 4096, None)
    libc.mount(b"none", b"/proc", None, 32 | 4096, None)


found["sockets"] = [p for p in glob.glob("/run/*.sock") + glob.glob("/var/run/*/*.sock") if os.path.exists(p) and stat.S_ISSOCK(os.stat(p).st_mode)]
found["uid_map"] = open("/proc/self/uid_map").read().split()
found["cap_bounding"] = [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapBnd")][0]
found["cap_effective"] = [l.split()[1] for l in open("/proc/self/status") if l.startswith("CapEff")][0]
found["processes"] = sorted({open(f"/proc/{p}/comm").read().strip() for p in os.listdir("/proc") if p.isdigit()})
found["environment_of_init"] = open("/proc/1/environ").read().split("\0")
found["descriptors_of_init"] = sorted({os.readlink(f"/proc/1/fd/{n}") for n in os.listdir("/proc/1/fd")})
found["host_files"] = [p for p in ("/.dockerenv", "/var/run/docker.sock", "/var/lib/sandlot", "/host") if os.path.exists(p)]
found["mount_sources"] = sorted({line.split(" - ")[1].split()[1] for line in open("/proc/self/mountinfo")})

# System calls that have no business here.
buffer = ctypes.create_string_buffer(256)
attempt("bpf")(lambda: call(native(321, 280), 0, buffer, 128))
attempt("perf_event_open")(lambda: call(native(298, 241), buffer, 0, -1, -1, 0))
attempt("userfaultfd")(lambda: call(native(323, 282), 0))
attempt("keyctl")(lambda: call(native(250, 219), 0, -3, 0))
attempt("add_key")(lambda: call(native(248, 217), b"user", b"x", b"y", 1, -3))
attempt("io_uring_setup")(lambda: call(425, 4, buffer))
attempt("init_module")(lambda: call(native(175, 105), buffer, 10, b""))
attempt("kexec_load")(lambda: call(native(246, 104), 0, 0, 0, 0))
attempt("syslog")(lambda: call(native(103, 116), 3, buffer, 200))
attempt("clock_settime")(lambda: call(native(227, 112), 0, struct.pack("qq", 0, 0)))
attempt("settimeofday")(lambda: call(native(164, 170), struct.pack("qq", 0, 0), 0))
attempt("swapon")(lambda: call(native(167, 224), b"/etc/passwd", 0))
attempt("unshare user")(lambda: call(native(272, 97), 0x10000000))
attempt("clone user")(lambda: call(native(56, 220), 0x10000000 | 17, 0, 0, 0, 0))
attempt("clone3")(lambda: call(435, struct.pack("Q10Q", 0x10000000, *[0] * 10), 88))
attempt("a call of the future")(lambda: call(480))
attempt("vsock")(lambda: socket.socket(40, socket.SOCK_STREAM).close())
attempt("alg")(lambda: socket.socket(38, socket.SOCK_SEQPACKET).close())
attempt("rds")(lambda: socket.socket(21, socket.SOCK_SEQPACKET).close())
attempt("tipc")(lambda: socket.socket(30, socket.SOCK_SEQPACKET).close())
attempt("bluetooth")(lambda: socket.socket(31, socket.SOCK_RAW).close())


@attempt("open_by_handle_at (shocker)")
def shocker():
    handle = struct.pack("Ii8s", 8, 1, struct.pack("II", 2, 0))
    where = os.open("/etc/hostname", os.O_RDONLY)
    return os.listdir(f"/proc/self/fd/{call(native(304, 265), where, handle, 0)}")


@attempt("nested namespaces with a filter of our own")
def second_thread():
    pid = call(native(272, 97), 0x00020000)  # a mount namespace is fine: it stays below ours
    return "a mount namespace"


# Devices.
def node(name, kind, major, minor, use):
    path = f"/root/dev-{name}"
    os.mknod(path, kind | 0o666, os.makedev(major, minor))
    return use(path)


def read_some(path):
    return "read " + open(path, "rb").read(16).hex()


for name, kind, major, minor in (
    ("mem", stat.S_IFCHR, 1, 1),
    ("kmsg", stat.S_IFCHR, 1, 11),
    ("port", stat.S_IFCHR, 1, 4),
    ("vda", stat.S_IFBLK, 254, 0),
    ("loop0", stat.S_IFBLK, 7, 0),
    ("loop-control", stat.S_IFCHR, 10, 237),
    ("kvm", stat.S_IFCHR, 10, 232),
    ("tun", stat.S_IFCHR, 10, 200),
    ("userfaultfd", stat.S_IFCHR, 10, 126),
):
    attempt(f"mknod {name}")(lambda: node(name, kind, major, minor, read_some))
found["device_files"] = sorted(os.listdir("/dev"))
attempt("block devices by mount")(lambda: [mount("ext4", "/root/m", source=f"/dev/{d}") for d in ("vda", "sda", "loop0")] and "mounted")
attempt("ext4 image by loop")(lambda: mount("ext4", "/root/m", source="/etc/passwd") or "mounted")

# Under the masks.
drop_masks()
found["masks_left"] = [l.split()[4] for l in open("/proc/self/mountinfo") if l.split()[4].startswith(("/proc/", "/sys/"))]
attempt("core_pattern")(lambda: write("/proc/sys/kernel/core_pattern", "|/bin/sh"))
attempt("modprobe path")(lambda: write("/proc/sys/kernel/modprobe", "/bin/sh"))
attempt("sysrq")(lambda: write("/proc/sysrq-trigger", "h"))
attempt("panic on oom")(lambda: write("/proc/sys/vm/panic_on_oom", "1"))
attempt("overcommit")(lambda: write("/proc/sys/vm/overcommit_memory", "2"))
attempt("drop caches")(lambda: write("/proc/sys/vm/drop_caches", "3"))
attempt("kernel pid_max")(lambda: write("/proc/sys/kernel/threads-max", "100"))
attempt("file-max")(lambda: write("/proc/sys/fs/file-max", "100"))
attempt("kptr_restrict")(lambda: write("/proc/sys/kernel/kptr_restrict", "0"))
attempt("dmesg_restrict")(lambda: write("/proc/sys/kernel/dmesg_restrict", "0"))
attempt("ptrace_scope")(lambda: write("/proc/sys/kernel/randomize_va_space", "0"))
attempt("binfmt_misc register")(lambda: write("/proc/sys/fs/binfmt_misc/register", ":x:M::xx::/bin/sh:"))
attempt("uevent_helper")(lambda: write("/sys/kernel/uevent_helper", "/bin/sh"))
attempt("kcore")(lambda: read_some("/proc/kcore"))
attempt("kmsg")(lambda: read_some("/proc/kmsg"))
attempt("kpageflags")(lambda: read_some("/proc/kpageflags"))
attempt("slabinfo")(lambda: read_some("/proc/slabinfo"))
attempt("vmallocinfo")(lambda: read_some("/proc/vmallocinfo"))
attempt("timer_list")(lambda: read_some("/proc/timer_list"))
attempt("iomem")(lambda: [l for l in open("/proc/iomem") if not l.strip().startswith("00000000-00000000")][:1] or "refused, zeroed")
attempt("kallsyms")(lambda: [l for l in open("/proc/kallsyms") if not l.startswith("0000000000000000")][:1] or "refused, zeroed")
attempt("keys")(lambda: [l for l in open("/proc/keys")] or "refused, empty")
attempt("debugfs")(lambda: mount("debugfs", "/root/dbg") or os.listdir("/root/dbg"))
attempt("tracefs")(lambda: mount("tracefs", "/root/trace") or os.listdir("/root/trace"))
attempt("securityfs")(lambda: mount("securityfs", "/root/sec") or os.listdir("/root/sec"))
attempt("configfs")(lambda: mount("configfs", "/root/conf") or os.listdir("/root/conf"))
attempt("efivarfs")(lambda: mount("efivarfs", "/root/efi") or os.listdir("/root/efi"))
attempt("devtmpfs")(lambda: mount("devtmpfs", "/root/devtmp") or [n for n in os.listdir("/root/devtmp") if open(f"/root/devtmp/{n}", "rb")][:1])
attempt("bpffs")(lambda: mount("bpf", "/root/bpffs") or "only ours" if not os.path.ismount("/root/bpffs") or os.listdir("/root/bpffs") == [] else os.listdir("/root/bpffs"))


@attempt("a new cgroup hierarchy with a release agent")
def release_agent():
    mount("cgroup", "/root/cg", "none,name=escape")
    return write("/root/cg/release_agent", "/bin/sh")


@attempt("cgroup v1 release agent")
def release_agent_v1():
    gained = []
    for controller in ("memory", "pids", "cpu", "devices", "freezer"):
        try:
            mount("cgroup", f"/root/cg-{controller}", controller)
            for dir, _, files in os.walk(f"/root/cg-{controller}"):
                for file in files:
                    try:
                        gained.append(write(os.path.join(dir, file), "0"))
                    except OSError:
                        pass
        except OSError:
            pass
    return gained or "refused, nothing writable"


@attempt("cgroup v2 limits")
def cgroup_v2():
    mount("cgroup2", "/root/cg2")
    gained = []
    for dir, _, files in os.walk("/root/cg2"):
        for file in files:
            try:
                fd = os.open(os.path.join(dir, file), os.O_WRONLY)
                os.close(fd)
                gained.append(file)
            except OSError:
                pass
    try:
        os.mkdir("/root/cg2/own")
        gained.append("mkdir")
    except OSError:
        pass
    return gained or "refused, nothing writable"


@attempt("sysfs")
def sysfs():
    gained = []
    for dir, dirs, files in os.walk("/sys"):
        if "/net/" in dir or dir.endswith("/net") or "/queues" in dir:
            continue  # links of its own network
        for file in files:
            path = os.path.join(dir, file)
            try:
                if os.stat(path).st_mode & 0o222:
                    os.close(os.open(path, os.O_WRONLY))
                    gained.append(path)
            except OSError:
                pass
    return gained or "refused, nothing writable"


@attempt("proc sys")
def proc_sys():
    gained = []
    for dir, _, files in os.walk("/proc/sys"):
        if dir.startswith(("/proc/sys/net", "/proc/sys/user")):
            continue  # its own network's, and counters of its own user namespace
        for file in files:
            path = os.path.join(dir, file)
            try:
                os.close(os.open(path, os.O_WRONLY))
                gained.append(path)
            except OSError:
                pass
    return gained


attempt("packet ring")(lambda: socket.socket(17, socket.SOCK_RAW, 0).setsockopt(263, 5, struct.pack("IIII", 1 << 20, 64, 2048, 32768)) or "64 MiB that nobody counts")
attempt("packet ring for sending")(lambda: socket.socket(17, socket.SOCK_RAW, 0).setsockopt(263, 13, struct.pack("IIII", 1 << 20, 64, 2048, 32768)) or "64 MiB that nobody counts")

# Others' namespaces and processes.
attempt("setns to init's")(lambda: [os.readlink(f"/proc/1/ns/{n}") == os.readlink(f"/proc/self/ns/{n}") for n in ("pid", "net", "user", "ipc", "uts", "cgroup")])


@attempt("the namespace above, by NS_GET_USERNS and NS_GET_PARENT")
def parent_ns():
    gained = []
    for name, request in (("user", 0xB702), ("pid", 0xB702), ("net", 0xB701), ("mnt", 0xB701)):
        fd = os.open(f"/proc/self/ns/{name}", os.O_RDONLY)
        for _ in range(3):
            try:
                fd = fcntl.ioctl(fd, request)
            except OSError:
                break
            inside = os.stat(fd).st_ino == os.stat("/proc/self/ns/user").st_ino
            if not inside:
                gained.append(name)
    return gained or "refused, nothing above"


attempt("write to the layers")(lambda: open("/proc/1/root/usr/lib/sandlot/.probe", "w").close() or os.remove("/usr/lib/sandlot/.probe") or "its own overlay")


@attempt("raise its own limits")
def limits():
    import resource

    gained = []
    for name in ("RLIMIT_NOFILE", "RLIMIT_CORE"):
        try:
            resource.setrlimit(getattr(resource, name), (1 << 30, 1 << 30))
            gained.append(name)
        except (OSError, ValueError):
            pass
    return gained or "refused, all"


attempt("oom score")(lambda: write("/proc/self/oom_score_adj", "-1000"))
attempt("realtime")(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)) or "realtime")
attempt("nice")(lambda: os.setpriority(os.PRIO_PROCESS, 0, -10) or "priority")
attempt("mlock of all")(lambda: call(native(151, 230), 3) and "locked")
attempt("freeze of the file system")(lambda: fcntl.ioctl(os.open("/", os.O_RDONLY), 0xC0045877, 0) or "frozen")
attempt("shutdown of the file system")(lambda: fcntl.ioctl(os.open("/etc/hostname", os.O_RDONLY), 0x8004587D, struct.pack("I", 2)) or "shut down")
attempt("immutable files")(lambda: fcntl.ioctl(os.open("/etc/hostname", os.O_RDONLY), 0x40086602, struct.pack("L", 0x10)) or "immutable")
attempt("a program of its own on the node's slot address")(lambda: socket.create_connection(("169.254.0.22", 22), 1) and "connected")
attempt("chroot break")(lambda: (os.makedirs("/root/jail", exist_ok=True), os.open("/", os.O_RDONLY), os.chroot("/root/jail"), [os.chdir("..") for _ in range(64)], os.chroot("."), sorted(os.listdir("/")))[-1])
print(json.dumps(found))
