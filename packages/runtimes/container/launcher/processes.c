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

void map_ids(const struct config *config, pid_t pid) {
    char map[64], path[64];
    snprintf(map, sizeof map, "0 %u %u\n", config->id_base, ID_RANGE);
    static const char *const files[] = {"uid_map", "gid_map"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", pid, files[i]);
        if (write_file(path, map) < 0) fail_errno("ids", "%s", files[i]);
    }
}

void enter_machine(pid_t init) {
    int user = open_in_proc(init, "ns/user", O_RDONLY), mounts = open_in_proc(init, "ns/mnt", O_RDONLY);
    if (setns(user, CLONE_NEWUSER) < 0 || setns(mounts, CLONE_NEWNS) < 0) fail_errno("namespaces", "cannot enter the machine");
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) fail_errno("ids", "cannot take");
    umask(0);
    close(user);
    close(mounts);
}

