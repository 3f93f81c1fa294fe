#include "cgroup.h"
#include "images.h"
#include "launch.h"
#include "launching.h"
#include "net.h"
#include "processes.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is being sealed is not wanted any more; its half stays with who asked for it. */
static void end_seal(const struct config *config) {
    pid_t pid = 0;
    int seal = journaled_process(config->machine_dir, "seal.pid", &pid);
    if (seal < 0) return;
    kill(-pid, SIGKILL); /* with its helpers: a session of its own */
    sys_pidfd_signal(seal, SIGKILL);
    if (!gone_within(seal, 3000)) fail("end", "the seal does not die");
    close(seal);
}

int end_machine(const char *config_path) {
    struct config config;
    if (lock_path(config_path) < 0) return 0; /* ended before */
    read_config(config_path, &config);
    end_seal(&config);
    int launcher = journaled_process(config.machine_dir, "launcher.pid", NULL);
    int init = journaled_process(config.machine_dir, "init.pid", NULL);
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
