#include "launch.h"
#include "attend.h"
#include "cgroup-dirs.h"
#include "host-processes.h"
#include "jail.h"
#include "launching.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define HIGH_FD (FIRST_FILE + MAX_FILES) /* above all descriptors that the VMM is given */

/* Away from the numbers that the VMM's descriptors will have. */
static int high(int fd) {
    if (fd < 0) return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_FD);
    if (moved < 0) fail_errno("start", "descriptors");
    close(fd);
    return moved;
}

/* In the machine's directory, for root alone. By a short name: the path of a socket has room for 107 bytes only. */
static int listen_at(const struct config *config, const char *name) {
    if (chdir(config->machine_dir) < 0) fail_errno("start", "%s", config->machine_dir);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    unlink(name);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 8) < 0) fail_errno("start", "%s", name);
    umask(mask);
    return high(fd);
}

static void make_pair(int *ours, int *theirs) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail_errno("start", "socketpair");
    *ours = high(pair[0]);
    *theirs = high(pair[1]);
}

/* As root, so that nothing needs to be readable for the machine's own id. */
static int open_as_root(const char *path, bool writable) {
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) fail_errno("disks", "%s", path);
    return high(fd);
}

/* Ours of what the VMM will find under that number. */
static int *fixed(struct handed *handed, int number) { return &handed->fixed[number - TAP_FD]; }

static void open_files(const struct config *config, struct handed *handed) {
    *fixed(handed, RESTORE_FD) = config->restore_state == NULL ? -1 : open_as_root(config->restore_state, false);
    for (size_t i = 0; i < config->open_count; i++) {
        handed->files[i] = open_as_root(config->opens[i].path, config->opens[i].writable);
    }
}

static void close_handed(const struct config *config, const struct handed *handed) {
    for (int i = 0; i < FIXED_END - TAP_FD; i++) {
        if (handed->fixed[i] >= 0) close(handed->fixed[i]);
    }
    for (size_t i = 0; i < config->open_count; i++) close(handed->files[i]);
    close(handed->log);
}

static pid_t clone_vmm(const struct config *config, const struct handed *handed, int go[2], int lock) {
    uint64_t own = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
    pid_t pid = clone_into(config->cgroup2, own, "namespaces");
    if (pid == 0) {
        close(lock);
        close(go[1]);
        become_vmm(config, handed, go[0]);
    }
    close(go[0]);
    return pid;
}

/* From nothing to a VMM that runs. */
static pid_t start_vmm(const struct config *config, int lock, struct ends *ends) {
    struct handed handed;
    int report[2], go[2], log[2], starter = status_fd;
    if (pipe2(report, O_CLOEXEC) < 0 || pipe2(go, O_CLOEXEC) < 0 || pipe2(log, O_CLOEXEC) < 0) fail_errno("start", "pipe");
    *fixed(&handed, TAP_FD) = high(make_tap(config));
    *fixed(&handed, QMP_FD) = listen_at(config, "qmp.sock");
    *fixed(&handed, AGENT_FD) = listen_at(config, "agent.sock");
    make_pair(&ends->notice, fixed(&handed, NOTICE_FD));
    make_pair(&ends->console, fixed(&handed, CONSOLE_FD));
    handed.log = high(log[1]);
    ends->log = high(log[0]);
    open_files(config, &handed);
    go[0] = high(go[0]);
    status_fd = high(report[1]);
    pid_t pid = clone_vmm(config, &handed, go, lock);
    close(status_fd);
    status_fd = starter;
    journal_process(config->machine_dir, "vmm.pid", pid);
    close(lock); /* from here on, ending it finds all there is to end */
    close_handed(config, &handed);
    for (size_t i = 0; i < config->cgroup_count; i++) place(config->cgroups[i], pid);
    if (config->shared_cgroup != NULL) place(config->shared_cgroup, pid);
    if (write(go[1], "g", 1) != 1) fail_errno("start", "go");
    close(go[1]);
    await_exec(report[0]);
    close(report[0]);
    return pid;
}

int launch(const char *config_path) {
    struct config config;
    int lock = begin_launch(config_path, HIGH_FD);
    read_config(config_path, &config);
    if (config.uid == 0 || config.tree == NULL || config.arg_count == 0) fail("config", "uid, tree or arg is missing");
    settle_launch(config.machine_dir, config.launcher_cgroup);
    struct ends ends;
    pid_t vmm = start_vmm(&config, lock, &ends);
    if (chdir("/") < 0) return 1;
    attend(&config, vmm, ends);
    return 0;
}
