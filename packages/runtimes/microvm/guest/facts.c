/* What the host is told, and clock and randomness as it gives them. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

size_t say_hello(const struct agent *agent, char *out, size_t room) {
    struct utsname kernel;
    uname(&kernel);
    return (size_t)snprintf(out, room, "protocol=%d\nkernel=%s\nuptime_ms=%llu\nsandbox=%d\n", PROTOCOL, kernel.release,
                            (unsigned long long)monotonic_ms(), agent->sandbox > 0);
}

int set_clock(const unsigned char *nanoseconds) {
    uint64_t now;
    memcpy(&now, nanoseconds, sizeof now);
    struct timespec wanted = {.tv_sec = (time_t)(now / 1000000000u), .tv_nsec = (long)(now % 1000000000u)};
    return clock_settime(CLOCK_REALTIME, &wanted);
}

int add_entropy(int random, const unsigned char *bytes, size_t count) {
    union {
        struct rand_pool_info info;
        unsigned char space[sizeof(struct rand_pool_info) + 256];
    } pool;
    pool.info.entropy_count = (int)count * 8;
    pool.info.buf_size = (int)count;
    memcpy(pool.info.buf, bytes, count);
    /* Reseeded at once: else the generator goes on, for up to a minute, as the other copies of this machine do. */
    return ioctl(random, RNDADDENTROPY, &pool.info) == 0 && ioctl(random, RNDRESEEDCRNG) == 0 ? 0 : -1;
}

static unsigned long long field(const char *text, const char *name) {
    const char *at = text == NULL ? NULL : strstr(text, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, 10);
}

size_t list_stats(char *out, size_t room) {
    char *text = read_small_file("/proc/meminfo");
    unsigned long long total = field(text, "MemTotal:"), unused = field(text, "MemFree:");
    unsigned long long cache = field(text, "Buffers:") + field(text, "\nCached:") + field(text, "SReclaimable:");
    unsigned long long cpu = field(read_small_file(SANDBOX_CGROUP "/cpu.stat"), "usage_usec ");
    unsigned long long kills = field(read_small_file("/proc/vmstat"), "oom_kill ");
    struct statvfs disk = {0};
    if (statvfs(DISK, &disk) < 0) memset(&disk, 0, sizeof disk);
    return (size_t)snprintf(out, room,
                            "cpu_micros=%llu\nmemory_used=%llu\nmemory_cache=%llu\nmemory_total=%llu\ndisk_used=%llu\ndisk_size=%llu\npids=%llu\noom_kills=%llu\n",
                            cpu, (total - unused - cache) << 10, cache << 10, total << 10,
                            (unsigned long long)(disk.f_blocks - disk.f_bfree) * disk.f_frsize, (unsigned long long)disk.f_blocks * disk.f_frsize,
                            (unsigned long long)number_in_file(SANDBOX_CGROUP "/pids.current"), kills);
}

size_t read_log(int log, const unsigned char *asked, unsigned char *out, size_t room) {
    uint64_t from, size = 0;
    uint32_t most;
    memcpy(&from, asked, sizeof from);
    memcpy(&most, asked + sizeof from, sizeof most);
    struct stat about;
    if (log >= 0 && fstat(log, &about) == 0 && S_ISREG(about.st_mode)) size = (uint64_t)about.st_size;
    if (most > room - sizeof size) most = (uint32_t)(room - sizeof size);
    ssize_t got = size > from ? pread(log, out + sizeof size, most, (off_t)from) : 0;
    memcpy(out, &size, sizeof size);
    return sizeof size + (got > 0 ? (size_t)got : 0);
}
