#include "launch.h"
#include "guest.h"
#include "cgroup.h"
#include "launching.h"
#include "net.h"
#include "overlay.h"
#include "processes.h"
#include "restore.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* _IOR('X', 125, __u32): drops what is not written yet. An ended machine's disk is thrown away, not flushed. */
#define EXT4_IOC_SHUTDOWN 0x8004587d
#define NO_LOG_FLUSH 2u

/* The first move into a v1 cgroup waits for a kernel grace period (10 to 30 ms); a helper waits meanwhile. */
static pid_t place_in_background(const struct config *config, pid_t pid) {
    if (config->cgroup_count == 0 && config->shared_cgroup == NULL) return 0;
    pid_t helper = fork();
    if (helper < 0) fail_errno("limits", "fork");
    if (helper != 0) return helper;
    for (size_t i = 0; i < config->cgroup_count; i++) place(config->cgroups[i], pid);
    if (config->shared_cgroup != NULL) place(config->shared_cgroup, pid);
    _exit(0);
}

static void await_placed(pid_t helper) {
    int status = 0;
    if (helper != 0 && (waitpid(helper, &status, 0) < 0 || status != 0)) _exit(1); /* it has said why */
}

static pid_t clone_guest(const struct config *config, int pair[2], int lock) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail_errno("namespaces", "socketpair");
    uint64_t own = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWTIME;
    pid_t pid = clone_into(config->cgroup2, own, "namespaces");
    if (pid == 0) {
        close(lock);
        close(pair[0]);
        become_guest(config, pair[1]);
    }
    close(pair[1]);
    return pid;
}

/* Everything the guest needs from outside; returns an open directory of its writable disk. */
static int furnish(const struct config *config, pid_t pid, int to_guest) {
    map_ids(config, pid);
    pid_t placing = place_in_background(config, pid);
    int userns = open_in_proc(pid, "ns/user", O_RDONLY);
    int netns = open_in_proc(pid, "ns/net", O_RDONLY);
    int root = make_root(config, userns);
    send_fd(to_guest, root);
    close(root);
    plug_in(config, netns);
    close(userns);
    close(netns);
    char *upper = format_path("%s/m", config->upper_dir);
    int disk = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk < 0) fail_errno("overlay", "%s", upper);
    await_placed(placing);
    if (write(to_guest, "p", 1) != 1) fail_errno("handover", "the guest is gone");
    return disk;
}

static void stop_guest(const struct config *config, pid_t pid) {
    kill_cgroups(config);
    kill(pid, SIGKILL);
}

/* Lives as long as the machine. `exit.json` is there before the parent's own exit is seen. */
static void attend(const struct config *config, pid_t pid, int disk) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    bool thrown_away = false;
    int status = 0;
    unsigned how = NO_LOG_FLUSH;
    for (;;) {
        /* A machine's other processes are never ours to reap: they belong to its init. */
        if (waitpid(pid, &status, WNOHANG) == pid) break;
        if (sigwaitinfo(&awaited, NULL) == SIGTERM) {
            /* First the disk: the last process' exit unmounts it, and would wait for all that is not written yet. */
            thrown_away = ioctl(disk, EXT4_IOC_SHUTDOWN, &how) == 0;
            stop_guest(config, pid);
        }
    }
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    char text[96];
    snprintf(text, sizeof text, "{\"exitCode\":%d,\"thrownAway\":%s}\n", code, thrown_away ? "true" : "false");
    char *path = format_path("%s/exit.json", config->machine_dir);
    replace_file(path, text);
}

/* From nothing to an init that runs. */
static pid_t start_guest(const struct config *config, int lock, int *disk) {
    int report[2], pair[2], starter = status_fd;
    if (pipe2(report, O_CLOEXEC) < 0) fail_errno("start", "pipe");
    status_fd = report[1];
    pid_t pid = clone_guest(config, pair, lock);
    status_fd = starter;
    close(report[1]);
    journal_process(config->machine_dir, "init.pid", pid);
    close(lock); /* from here on, ending it finds all there is to end */
    *disk = furnish(config, pid, pair[0]);
    await_exec(report[0]);
    close(report[0]);
    close(pair[0]);
    return pid;
}

int launch(const char *config_path) {
    struct config config;
    int lock = begin_launch(config_path, 3);
    read_config(config_path, &config);
    if (config.id_base == 0 || config.upper_dir == NULL) fail("config", "id_base or upper_dir is missing");
    settle_launch(config.machine_dir, config.launcher_cgroup);

    int disk;
    pid_t pid = config.restore_dir == NULL ? start_guest(&config, lock, &disk) : restore_guest(&config, lock, &disk);

    /* The guest's overlay holds the disk now: when the last process is gone, so are mount and loop device, whoever died. */
    char *upper = format_path("%s/m", config.upper_dir);
    umount2(upper, MNT_DETACH);
    char line[32];
    int length = snprintf(line, sizeof line, "ready\t%d\n", pid);
    /* A starter that died meanwhile is no reason to leave the machine without a parent: its successor will find it. */
    bool told = write(status_fd, line, (size_t)length) == length;
    if (!told) dprintf(2, "the starter is gone\n");
    close(status_fd);
    status_fd = 2;
    if (chdir("/") < 0) return 1;
    attend(&config, pid, disk);
    return 0;
}
