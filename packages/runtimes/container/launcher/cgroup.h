#ifndef SANDLOT_LAUNCHER_CGROUP_H
#define SANDLOT_LAUNCHER_CGROUP_H
#include "common.h"

/* Kills all that is in the machine's own cgroups, frozen or not. Does not wait. */
void kill_cgroups(const struct config *config);
/* Removes them, waiting until the last process has left. */
void remove_cgroups(const struct config *config);
/* Lets what runs below the v2 directory `dir` open only the device nodes a machine needs, whatever nodes its layers
 * bring along. Done once per installation; nothing happens when `dir` has a rule already. */
void restrict_devices(const char *dir);
#endif
