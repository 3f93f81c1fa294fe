#include "lxcfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

const char *const lxcfs_files[LXCFS_FILES] = {"cpuinfo", "diskstats", "loadavg", "meminfo", "stat", "uptime"};

void take_lxcfs(const char *lxcfs, int trees[LXCFS_FILES]) {
    for (size_t i = 0; i < LXCFS_FILES; i++) {
        trees[i] = -1;
        if (lxcfs == NULL) continue;
        char *from = format_path("%s/proc/%s", lxcfs, lxcfs_files[i]);
        trees[i] = sys_open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        /* One that has just died is soon replaced, and the machine is then shown the next. */
        if (trees[i] < 0 && errno != ENOENT && errno != ENOTCONN && errno != ECONNABORTED) fail_errno("lxcfs", "%s", from);
        free(from);
    }
}

void bind_lxcfs(const int trees[LXCFS_FILES]) {
    for (size_t i = 0; i < LXCFS_FILES; i++) {
        char to[32];
        snprintf(to, sizeof to, "/proc/%s", lxcfs_files[i]);
        if (trees[i] >= 0 && sys_move_mount(trees[i], "", AT_FDCWD, to, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("lxcfs", "%s", to);
    }
}

void renew_lxcfs(const char *lxcfs, pid_t init) {
    int trees[LXCFS_FILES];
    take_lxcfs(lxcfs, trees);
    replace_lxcfs(trees, init);
}

void replace_lxcfs(const int trees[LXCFS_FILES], pid_t init) {
    char *path = format_path("/proc/%d/ns/mnt", init);
    int mounts = open(path, O_RDONLY | O_CLOEXEC);
    if (mounts < 0 || setns(mounts, CLONE_NEWNS) < 0) fail_errno("lxcfs", "%s", path);
    for (size_t i = 0; i < LXCFS_FILES; i++) {
        char at[32];
        snprintf(at, sizeof at, "/proc/%s", lxcfs_files[i]);
        /* Nothing to take away is fine: its owner may have done so, or there was none when it was made. */
        if (trees[i] >= 0 && umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL) fail_errno("lxcfs", "%s", at);
    }
    bind_lxcfs(trees);
}
