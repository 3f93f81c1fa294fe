#include "cgroup.h"
#include "cgroup-dirs.h"

void kill_cgroups(const struct config *config) {
    if (config->cgroup2 != NULL) kill_cgroup(config->cgroup2);
    for (size_t i = 0; i < config->cgroup_count; i++) kill_cgroup(config->cgroups[i]);
}

void remove_cgroups(const struct config *config) {
    if (config->cgroup2 != NULL) remove_cgroup(config->cgroup2);
    for (size_t i = 0; i < config->cgroup_count; i++) remove_cgroup(config->cgroups[i]);
}

void restrict_devices(const char *dir) {
    static const struct device allowed[] = {
        {1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, /* null zero full random urandom */
        {5, 0}, {5, 2}, {136, -1},              /* tty ptmx pts */
        {10, 229},                              /* fuse: file systems of the machine's own */
    };
    restrict_devices_to(dir, allowed, sizeof allowed / sizeof *allowed);
}
