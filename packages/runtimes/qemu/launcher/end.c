#include "cgroup-dirs.h"
#include "config.h"
#include "host-processes.h"
#include "launch.h"
#include "launching.h"
#include "netlink.h"

#include <signal.h>
#include <unistd.h>

int end_machine(const char *config_path) {
    struct config config;
    if (lock_path(config_path) < 0) return 0; /* ended before */
    read_config(config_path, &config);
    int launcher = journaled_process(config.machine_dir, "launcher.pid", NULL);
    int vmm = journaled_process(config.machine_dir, "vmm.pid", NULL);
    if (vmm >= 0) sys_pidfd_signal(vmm, SIGKILL);
    if (config.cgroup2 != NULL) kill_cgroup(config.cgroup2);
    for (size_t i = 0; i < config.cgroup_count; i++) kill_cgroup(config.cgroups[i]);
    /* Its launcher writes down how it ended; one that hangs, or has not come to it yet, is helped along. */
    if (launcher >= 0) sys_pidfd_signal(launcher, SIGTERM);
    if (!gone_within(launcher, vmm >= 0 ? 3000 : 200)) {
        sys_pidfd_signal(launcher, SIGKILL);
        if (!gone_within(launcher, 3000)) fail("end", "the launcher does not die");
    }
    if (!gone_within(vmm, 10000)) fail("end", "the VMM does not die");
    if (config.cgroup2 != NULL) remove_cgroup(config.cgroup2);
    for (size_t i = 0; i < config.cgroup_count; i++) remove_cgroup(config.cgroups[i]);
    if (config.netns != NULL && config.host_link != NULL) remove_link(config.netns, config.host_link);
    if (unlink(config_path) < 0) fail_errno("end", "%s", config_path); /* a launcher that comes late finds nothing to launch */
    return 0;
}
