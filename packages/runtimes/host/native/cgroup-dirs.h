/* One directory of a cgroup hierarchy, v1 or v2. */
#ifndef SANDLOT_NATIVE_CGROUP_DIRS_H
#define SANDLOT_NATIVE_CGROUP_DIRS_H
#include "base.h"

/* Kills all that stands in it, frozen or not. Does not wait. */
void kill_cgroup(const char *dir);
/* Removes it, waiting until the last process has left. */
void remove_cgroup(const char *dir);
/* Moves a process into it; 0 is the caller. */
void place(const char *dir, pid_t pid);

/* A character device; a negative minor means all of the major. */
struct device {
    int major;
    int minor;
};

/* Lets what runs below the v2 directory `dir` open only these. Nothing happens when `dir` has a rule already. */
void restrict_devices_to(const char *dir, const struct device *devices, size_t count);

#endif
