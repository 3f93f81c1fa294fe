#include "guest.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define FREEZE_MS 2000

int limit_pids(unsigned most) {
    char number[16];
    snprintf(number, sizeof number, "%u", most);
    return write_file(SANDBOX_CGROUP "/pids.max", number);
}

void make_sandbox_cgroup(const struct boot *boot) {
    mkdir("/cgroup", 0755);
    if (mount("cgroup2", "/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) fail_errno("cgroup", "mount");
    /* One by one: a kernel may lack one, and the sandbox's own containers then do without it. */
    const char *const controllers[] = {"+cpu", "+memory", "+pids", "+io", "+cpuset"};
    for (size_t i = 0; i < sizeof controllers / sizeof *controllers; i++) write_file("/cgroup/cgroup.subtree_control", controllers[i]);
    if (mkdir(SANDBOX_CGROUP, 0755) < 0) fail_errno("cgroup", SANDBOX_CGROUP);
    if (boot->pids > 0 && limit_pids(boot->pids) < 0) fail_errno("cgroup", "pids.max");
}

/* A process that cannot stand still, in the midst of a device's work, is not waited for long: the whole machine is
 * stopped next, and it with it. */
int freeze_sandbox(bool frozen) {
    if (write_file(SANDBOX_CGROUP "/cgroup.freeze", frozen ? "1" : "0") < 0) return -1;
    for (uint64_t until = monotonic_ms() + FREEZE_MS; frozen && monotonic_ms() < until; sleep_ms(1)) {
        char *events = read_small_file(SANDBOX_CGROUP "/cgroup.events");
        if (events == NULL || strstr(events, "frozen 1") != NULL) break;
    }
    return 0;
}
