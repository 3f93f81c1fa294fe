/* Processes of a machine on the host's side: where they are noted, and where they stand. */
#ifndef SANDLOT_LAUNCHER_PROCESSES_H
#define SANDLOT_LAUNCHER_PROCESSES_H
#include "common.h"

/* Notes a process in the machine's directory, by pid and start time. */
void journal_process(const struct config *config, const char *name, pid_t pid);
/* A descriptor of the noted process if it is still that one, else -1; `pid` may be NULL. */
int journaled_process(const struct config *config, const char *name, pid_t *pid);
/* Out of the node service's cgroup, so that stopping that service does not take this process with it. */
void leave_service(const struct config *config);
/* Moves a process into a cgroup; 0 is the caller. */
void place(const char *cgroup, pid_t pid);
/* Gives the new user namespace of `pid` the machine's range of ids. */
void map_ids(const struct config *config, pid_t pid);
int open_in_proc(pid_t pid, const char *name, int flags);
/* Makes the caller stand in the machine of `init` as its root: its ids, its mounts. */
void enter_machine(pid_t init);
/* Blocks the signals that the launcher waits for: a child's end, and SIGTERM. */
void await_signals_only(void);
#endif
