#include "host-processes.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void journal_process(const char *machine_dir, const char *name, pid_t pid) {
    char text[64];
    snprintf(text, sizeof text, "%d %llu\n", pid, start_time_of(pid));
    char *path = format_path("%s/%s", machine_dir, name);
    if (replace_file(path, text) < 0) fail_errno("journal", "%s", path);
    free(path);
}

int open_in_proc(pid_t pid, const char *name, int flags) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) fail_errno("namespaces", "%s", path);
    return fd;
}

int journaled_process(const char *machine_dir, const char *name, pid_t *found) {
    char *path = format_path("%s/%s", machine_dir, name);
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
    if (pidfd >= 0 && found != NULL) *found = pid;
    return pidfd;
}

void leave_service(const char *launcher_cgroup) {
    if (launcher_cgroup == NULL) return;
    char *path = format_path("%s/cgroup.procs", launcher_cgroup);
    if (write_file(path, "0") < 0) fail_errno("limits", "%s", path);
    free(path);
}

void await_signals_only(void) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}
