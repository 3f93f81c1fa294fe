#include "cgroup.h"
#include "images.h"
#include "launch.h"
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A descriptor of the journaled process if it is still that one, else -1. */
static int journaled_process(const struct config *config, const char *name) {
    char *path = format_path("%s/%s", config->machine_dir, name);
    char *text = read_small_file(path);
    free(path);
    int pid;
    unsigned long long started;
    if (text == NULL || sscanf(text, "%d %llu", &pid, &started) != 2) return -1;
    int pidfd = sys_pidfd_open(pid);
    if (pidfd >= 0 && start_time_of(pid) != started) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}

static bool gone_within(int pidfd, int ms) {
    struct pollfd watched = {.fd = pidfd, .events = POLLIN};
    return pidfd < 0 || poll(&watched, 1, ms) == 1;
}

int end_machine(const char *config_path) {
    struct config config;
    if (lock_path(config_path) < 0) return 0; /* ended before */
    read_config(config_path, &config);
    int launcher = journaled_process(&config, "launcher.pid");
    int init = journaled_process(&config, "init.pid");
    /* The launcher does it best: it can drop what the disk has not written yet. One that hangs is helped along. */
    if (launcher >= 0) sys_pidfd_signal(launcher, SIGTERM);
    gone_within(launcher, 1000);
    kill_cgroups(&config);
    if (init >= 0) sys_pidfd_signal(init, SIGKILL);
    if (!gone_within(launcher, 3000)) {
        sys_pidfd_signal(launcher, SIGKILL);
        if (!gone_within(launcher, 3000)) fail("end", "the launcher does not die");
    }
    if (!gone_within(init, 10000)) fail("end", "init does not die");
    remove_cgroups(&config);
    unplug(&config);
    if (config.upper_dir != NULL) release_upper(config.upper_dir);
    if (unlink(config_path) < 0) fail_errno("end", "%s", config_path); /* a launcher that comes late finds nothing to launch */
    return 0;
}
