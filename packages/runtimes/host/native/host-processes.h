/* Processes of a machine on the host's side: how they are noted. */
#ifndef SANDLOT_NATIVE_HOST_PROCESSES_H
#define SANDLOT_NATIVE_HOST_PROCESSES_H
#include "base.h"

/* Notes a process in the machine's directory, by pid and start time. */
void journal_process(const char *machine_dir, const char *name, pid_t pid);
/* A descriptor of the noted process if it is still that one, else -1; `pid` may be NULL. */
int journaled_process(const char *machine_dir, const char *name, pid_t *pid);
/* Out of the node service's cgroup, so that stopping that service does not take this process with it. May be NULL. */
void leave_service(const char *launcher_cgroup);
int open_in_proc(pid_t pid, const char *name, int flags);
/* Blocks the signals that a launcher waits for: a child's end, and SIGTERM. */
void await_signals_only(void);

#endif
