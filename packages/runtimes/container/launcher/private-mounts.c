#include "private-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* CRIU trusts it only on a tmpfs, and probes the kernel for 50 to 100 ms without. */
#define CRIU_CACHE "/run/criu.kdat"

/* A copy that keeps the disk of another machine mounted, of this installation or another, would keep its end waiting. */
static void let_go_of_others(void) {
    char *text = read_small_file("/proc/self/mountinfo"), *rest = NULL;
    for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char at[4096];
        if (sscanf(line, "%*s %*s %*s %*s %4095s", at) != 1) continue;
        if (strstr(at, "/uppers/") != NULL || strstr(at, "/machines/") != NULL) umount2(at, MNT_DETACH);
    }
}

static void copy_file(const char *from, const char *to) {
    int in = open(from, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (in < 0 || fstat(in, &about) < 0 || about.st_size == 0) return;
    char *draft = format_path("%s.%d", to, getpid());
    int out = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out >= 0 && sendfile(out, in, NULL, (size_t)about.st_size) == about.st_size) rename(draft, to);
    else unlink(draft);
    free(draft);
    if (out >= 0) close(out);
    close(in);
}

/* A copy of what lies at `path`, which may be about to be covered; -1 when there is nothing. */
static int take(const char *path) {
    return path == NULL ? -1 : sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

static void show(int tree, const char *at, bool directory) {
    if (tree < 0) return;
    int made = directory ? mkdir(at, 0755) : open(at, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (made < 0 || sys_move_mount(tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("mounts", "%s", at);
    if (!directory) close(made);
    close(tree);
}

/* CRIU makes a directory in /tmp that one killed in the middle leaves behind. On a tmpfs of our own it goes with us, where
 * nothing that we need lies below. */
static void cover_tmp(const struct config *config, const char *self, const char *target) {
    const char *const needed[] = {config->machine_dir, config->criu, self, target};
    for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
        if (needed[i] != NULL && strncmp(needed[i], "/tmp/", 5) == 0) return;
    if (mount("sandlot", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0) fail_errno("mounts", "/tmp");
}

void enter_private_mounts(const struct config *config, const char *criu_cache, const char *target) {
    if (unshare(CLONE_NEWNS) < 0) fail_errno("mounts", "unshare");
    if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0) fail_errno("mounts", "slave");
    let_go_of_others();
    char self[4096];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length < 0) fail_errno("mounts", "own name");
    self[length] = 0;
    int cache = criu_cache == NULL ? -1 : open(criu_cache, O_RDONLY | O_CLOEXEC); /* it may lie below /run */
    cover_tmp(config, self, target);
    int slot = take(config->netns), lxcfs = take(config->lxcfs);
    if (mount("sandlot", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0) fail_errno("mounts", "/run");
    if (symlink(self, CRIU_HOOK) < 0) fail_errno("mounts", CRIU_HOOK);
    show(slot, PRIVATE_SLOT, false);
    show(lxcfs, PRIVATE_LXCFS, true);
    if (cache < 0) return;
    char *from = format_path("/proc/self/fd/%d", cache);
    copy_file(from, CRIU_CACHE);
    free(from);
    close(cache);
}

void keep_criu_cache(const char *criu_cache) {
    if (criu_cache != NULL && access(criu_cache, F_OK) < 0) copy_file(CRIU_CACHE, criu_cache);
}
