/* Processes of a machine on the host's side: how they become part of it. */
#ifndef SANDLOT_LAUNCHER_PROCESSES_H
#define SANDLOT_LAUNCHER_PROCESSES_H
#include "cgroup-dirs.h"
#include "common.h"
#include "host-processes.h"

/* Gives the new user namespace of `pid` the machine's range of ids. */
void map_ids(const struct config *config, pid_t pid);
/* Makes the caller stand in the machine of `init` as its root: its ids, its mounts. */
void enter_machine(pid_t init);
#endif
