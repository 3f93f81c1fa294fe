#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

int mount(const char *source, const char *target, const char *type, unsigned long flags, const void *data);
#define PRIVATE_TREE ((1ul << 18) | 16384ul) /* MS_PRIVATE | MS_REC; <sys/mount.h> clashes with <linux/mount.h> */

int idmapped_clone(const char *path, int userns) {
    int clone = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (clone < 0) fail_errno("layers", "%s", path);
    struct mount_attr attributes = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (unsigned)userns};
    if (syscall(SYS_mount_setattr, clone, "", AT_EMPTY_PATH, &attributes, sizeof attributes) < 0)
        fail_errno("layers", "the file system of %s cannot map ids", path);
    return clone;
}

/* The work directory is made by the file system as the caller's fsuid: it must be the range's root, and keep its capabilities. */
static void as_range_root(unsigned id_base) {
    if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) < 0) fail_errno("overlay", "securebits");
    setfsgid(id_base);
    setfsuid(id_base);
}

static void as_host_root(void) {
    setfsuid(0);
    setfsgid(0);
    prctl(PR_SET_SECUREBITS, 0);
}

static int overlay_by_fds(const struct config *config, const int *lowers, int upper) {
    int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
    if (fs < 0) fail_errno("overlay", "this kernel has no overlay");
    for (size_t i = 0; i < config->lower_count; i++) {
        if (sys_fsconfig(fs, FSCONFIG_SET_FD, "lowerdir+", NULL, lowers[i]) < 0) {
            close(fs);
            return -1; /* before 6.13: the caller takes the path way */
        }
    }
    int up = openat(upper, "u", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int work = openat(upper, "w", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (up < 0 || work < 0) fail_errno("overlay", "the upper image has no u/ and w/");
    if (sys_fsconfig(fs, FSCONFIG_SET_FD, "upperdir", NULL, up) < 0 || sys_fsconfig(fs, FSCONFIG_SET_FD, "workdir", NULL, work) < 0)
        fail_errno("overlay", "upper");
    if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "index", "on", 0) < 0 || sys_fsconfig(fs, FSCONFIG_SET_STRING, "nfs_export", "on", 0) < 0)
        fail_errno("overlay", "options");
    sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", "sandlot", 0);
    as_range_root(config->id_base);
    int created = sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0);
    int error = errno;
    as_host_root();
    errno = error;
    if (created < 0) fail_errno("overlay", "cannot make the overlay");
    int root = sys_fsmount(fs, FSMOUNT_CLOEXEC, 0);
    if (root < 0) fail_errno("overlay", "fsmount");
    close(fs);
    close(up);
    close(work);
    return root;
}

/* For kernels without descriptor options: the copies get short names in a mount namespace of a helper's own, which
 * dies with it. Options are relative to its directory, so the page that mount(2) takes holds all 500 layers. */
static void overlay_by_paths(const struct config *config, const int *lowers, int upper, int reply) {
    if (unshare(CLONE_NEWNS) < 0) fail_errno("overlay", "mount namespace");
    if (mount(NULL, "/", NULL, PRIVATE_TREE, NULL) < 0) fail_errno("overlay", "private mounts");
    char *at = format_path("%s/root", config->machine_dir);
    if (mount("sandlot", at, "tmpfs", 0, "mode=0755") < 0 || chdir(at) < 0) fail_errno("overlay", "scratch at %s", at);
    char options[4096];
    size_t used = (size_t)snprintf(options, sizeof options, "index=on,nfs_export=on,upperdir=up/u,workdir=up/w,lowerdir=");
    for (size_t i = 0; i < config->lower_count; i++) {
        char name[24];
        snprintf(name, sizeof name, "%zu", i);
        if (mkdir(name, 0755) < 0 || sys_move_mount(lowers[i], "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
            fail_errno("overlay", "cannot place layer %s", config->lowers[i]);
        used += (size_t)snprintf(options + used, sizeof options - used, "%s%s", i == 0 ? "" : ":", name);
    }
    if (mkdir("up", 0755) < 0 || sys_move_mount(upper, "", AT_FDCWD, "up", MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("overlay", "cannot place the upper");
    if (mkdir("merged", 0755) < 0) fail_errno("overlay", "merged");
    as_range_root(config->id_base);
    if (mount("sandlot", "merged", "overlay", 0, options) < 0) fail_errno("overlay", "cannot make the overlay by paths");
    as_host_root();
    int root = sys_open_tree(AT_FDCWD, "merged", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (root < 0) fail_errno("overlay", "cannot detach the overlay");
    send_fd(reply, root);
    _exit(0);
}

static int overlay_in_helper(const struct config *config, const int *lowers, int upper) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail_errno("overlay", "socketpair");
    pid_t helper = fork();
    if (helper < 0) fail_errno("overlay", "fork");
    if (helper == 0) {
        close(pair[0]);
        overlay_by_paths(config, lowers, upper, pair[1]);
    }
    close(pair[1]);
    int root = receive_fd(pair[0]);
    close(pair[0]);
    int status;
    waitpid(helper, &status, 0);
    if (root < 0) _exit(1); /* the helper has said why */
    return root;
}

/* Says of a layer that it was an upper of ours, so that its root is the machine's own. */
#define OWN_ROOT "trusted.sandlot.root"

/* An overlay's own root is as its upper has it. A machine may have changed it; else the image's root, the oldest layer, says
 * how it should be. Layers between may come from anywhere. */
static void copy_root(const struct config *config, const char *upper_path) {
    size_t at = 0;
    while (at + 1 < config->lower_count && getxattr(config->lowers[at], OWN_ROOT, NULL, 0) < 0) at++;
    struct stat image;
    if (stat(config->lowers[at], &image) < 0) fail_errno("layers", "%s", config->lowers[at]);
    char *upper_root = format_path("%s/u", upper_path);
    if (chown(upper_root, image.st_uid, image.st_gid) < 0 || chmod(upper_root, image.st_mode & 07777) < 0 || setxattr(upper_root, OWN_ROOT, "", 0, 0) < 0)
        fail_errno("overlay", "%s", upper_root);
    free(upper_root);
}

int make_root(const struct config *config, int userns) {
    static int lowers[MAX_LOWERS];
    if (config->lower_count == 0) fail("layers", "a machine needs a layer");
    for (size_t i = 0; i < config->lower_count; i++) lowers[i] = idmapped_clone(config->lowers[i], userns);
    char *upper_path = format_path("%s/m", config->upper_dir);
    copy_root(config, upper_path);
    int upper = idmapped_clone(upper_path, userns);
    free(upper_path);
    int root = config->force_overlay_paths ? -1 : overlay_by_fds(config, lowers, upper);
    if (root < 0) root = overlay_in_helper(config, lowers, upper);
    for (size_t i = 0; i < config->lower_count; i++) close(lowers[i]);
    close(upper);
    return root;
}

void send_fd(int socket, int fd) {
    char byte = 'f';
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) fail_errno("handover", "sendmsg");
}

int receive_fd(int socket) {
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space};
    ssize_t got;
    do got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    struct cmsghdr *header = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (header == NULL || header->cmsg_type != SCM_RIGHTS) return -1;
    int fd;
    memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}
