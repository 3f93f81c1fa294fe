// A program that runs inside virtual machines, in Python since every template has it.

/**
 * As root, who is root of that kernel: takes the driver of its serial ports away from whoever holds them and gives it back, so
 * that it is the first to open them, and speaks in the agent's place: noise, marks of frames with false lengths, lines without
 * an end, words the host waits for. Without end; what each port took stands in /tmp/fuzz.log.
 */
export const FUZZ = `
import glob, json, os, random, struct, time
def opened(name):
    path = next(p for p in glob.glob("/sys/class/virtio-ports/*") if open(p + "/name").read().strip() == name)
    return os.open("/dev/" + os.path.basename(path), os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
names = ["sandlot.agent", "sandlot.host"]
held = []
for name in names:
    try:
        os.close(opened(name))
    except OSError as error:
        held.append(error.strerror)
driver = "/sys/bus/virtio/drivers/virtio_console/"
device = next(name for name in os.listdir(driver) if name.startswith("virtio"))
for what in ["unbind", "bind"]:
    with open(driver + what, "w") as file:
        file.write(device)
    time.sleep(0.3)
fds = [opened(name) for name in names] + [os.open("/dev/ttyS0", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)]
took = [0, 0, 0]
mark = struct.pack("<I", 0x31414C53)
def noise():
    kind = random.randrange(5)
    if kind == 0: return os.urandom(random.choice([1, 7, 4096, 60000]))
    if kind == 1: return b"".join(mark + os.urandom(8) + struct.pack("<I", random.choice([0, 5, 2**16, 2**31, 2**32 - 1])) + os.urandom(20) for _ in range(50))
    if kind == 2: return b"\\xff" * 5000
    if kind == 3: return b"ready\\nfailed nonsense\\nexitx 0\\n exit\\n"
    return mark * 3000
while True:
    for at, fd in enumerate(fds):
        try:
            took[at] += os.write(fd, noise())
        except OSError:
            pass
    try:
        os.read(fds[0], 65536)
    except OSError:
        pass
    with open("/tmp/fuzz.log.new", "w") as file:
        json.dump({"held": held, "took": took}, file)
    os.rename("/tmp/fuzz.log.new", "/tmp/fuzz.log")
    time.sleep(0.01)
`;
