/* A launcher's own beginning, and that of what it starts: it outlives whoever started it, as the parent of its machine. */
#ifndef SANDLOT_NATIVE_LAUNCHING_H
#define SANDLOT_NATIVE_LAUNCHING_H
#include "base.h"

/* Keeps nothing of the starter's but where to tell how it went, which becomes `status_fd`. Returns the lock on the
 * configuration. Both descriptors are `lowest_fd` or above. */
int begin_launch(const char *config_path, int lowest_fd);
/* Into a session, cgroup and journal of its own: from here on, ending the machine finds it. `launcher_cgroup` may be NULL. */
void settle_launch(const char *machine_dir, const char *launcher_cgroup);
/* As fork(), into namespaces by `flags` of clone() and a v2 cgroup, which may be NULL. Reports failures for `stage`. */
pid_t clone_into(const char *cgroup2, uint64_t flags, const char *stage);
/* Waits for the end of a process by its descriptor; true at once for a descriptor below 0. */
bool gone_within(int pidfd, int ms);

#endif
