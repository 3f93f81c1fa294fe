#include "other-mounts.h"
#include "base.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SEEN 4096 /* namespaces that are looked at once; further ones may be looked at again */

static ino_t inode_of(int fd) {
    struct stat about;
    return fd >= 0 && fstat(fd, &about) == 0 ? about.st_ino : 0;
}

/* What a machine's own root has made may answer for paths there: nobody goes in. */
static bool is_of_host(int mounts) {
    int owner = ioctl(mounts, NS_GET_USERNS), host = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    bool same = owner >= 0 && inode_of(owner) == inode_of(host);
    if (owner >= 0) close(owner);
    if (host >= 0) close(host);
    return same;
}

static void unmount_in(int mounts, const char *at) {
    pid_t helper = fork(); /* it does not come back from there */
    if (helper == 0) {
        if (setns(mounts, CLONE_NEWNS) == 0)
            while (umount2(at, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue;
        _exit(0);
    }
    if (helper > 0) waitpid(helper, NULL, 0);
}

void unmount_elsewhere(const char *at) {
    static ino_t seen[MAX_SEEN];
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    size_t count = 1;
    seen[0] = inode_of(own);
    if (own >= 0) close(own);
    DIR *processes = opendir("/proc");
    if (processes == NULL) return;
    for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
        if (atoi(entry->d_name) <= 0) continue;
        char *path = format_path("/proc/%s/ns/mnt", entry->d_name);
        int mounts = open(path, O_RDONLY | O_CLOEXEC);
        free(path);
        if (mounts < 0) continue; /* it has just ended, or is of the kernel */
        ino_t inode = inode_of(mounts);
        bool known = false;
        for (size_t i = 0; i < count && !known; i++) known = seen[i] == inode;
        if (!known) {
            if (count < MAX_SEEN) seen[count++] = inode;
            if (is_of_host(mounts)) unmount_in(mounts, at);
        }
        close(mounts);
    }
    closedir(processes);
}
