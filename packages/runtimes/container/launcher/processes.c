#include "processes.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void journal_process(const struct config *config, const char *name, pid_t pid) {
    char text[64];
    snprintf(text, sizeof text, "%d %llu\n", pid, start_time_of(pid));
    char *path = format_path("%s/%s", config->machine_dir, name);
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

void map_ids(const struct config *config, pid_t pid) {
    char map[64], path[64];
    snprintf(map, sizeof map, "0 %u %u\n", config->id_base, ID_RANGE);
    static const char *const files[] = {"uid_map", "gid_map"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
        if (write_file(path, map) < 0) fail_errno("ids", "%s", files[i]);
    }
}

void place(const char *dir, pid_t pid) {
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    char *path = format_path("%s/cgroup.procs", dir);
    if (write_file(path, text) < 0) fail_errno("limits", "%s", path);
    free(path);
}

int journaled_process(const struct config *config, const char *name, pid_t *found) {
    char *path = format_path("%s/%s", config->machine_dir, name);
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

void leave_service(const struct config *config) {
    if (config->launcher_cgroup == NULL) return;
    char *path = format_path("%s/cgroup.procs", config->launcher_cgroup);
    if (write_file(path, "0") < 0) fail_errno("limits", "%s", path);
    free(path);
}

void enter_machine(pid_t init) {
    int user = open_in_proc(init, "ns/user", O_RDONLY), mounts = open_in_proc(init, "ns/mnt", O_RDONLY);
    if (setns(user, CLONE_NEWUSER) < 0 || setns(mounts, CLONE_NEWNS) < 0) fail_errno("namespaces", "cannot enter the machine");
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) fail_errno("ids", "cannot take");
    umask(0);
    close(user);
    close(mounts);
}

void await_signals_only(void) {
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
}
