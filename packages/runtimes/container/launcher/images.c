#include "images.h"
#include "common.h"
#include "other-mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* <sys/mount.h> and <linux/mount.h> cannot be included together with every libc. */
int umount2(const char *target, int flags);
#define DETACH 2
#define RELEASE_MS 20000u /* how long a disk may be held after its machine has ended */
#define LOOK_ELSEWHERE_MS 100u
#define LOOK_AGAIN_MS 1000u

/* Attaches `fd` to a free loop device that frees itself with its last user; gives the open device and its number. */
static int attach_loop(int fd, bool read_only, int *index) {
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0) fail_errno("loop", "/dev/loop-control");
    for (int tries = 0; tries < 200; tries++) {
        int n = ioctl(control, LOOP_CTL_GET_FREE);
        if (n < 0) fail_errno("loop", "no free loop device");
        char path[32];
        snprintf(path, sizeof path, "/dev/loop%d", n);
        int device = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        if (device < 0 && errno == ENOENT) {
            mknod(path, S_IFBLK | 0660, makedev(7, (unsigned)n));
            device = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
        }
        if (device < 0) fail_errno("loop", "%s", path);
        struct loop_config config = {.fd = (unsigned)fd, .block_size = 4096};
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0);
        /* Direct I/O keeps a guest's pages from being cached twice; some file systems cannot do it. */
        if (!read_only) config.info.lo_flags |= LO_FLAGS_DIRECT_IO;
        int result = ioctl(device, LOOP_CONFIGURE, &config);
        if (result < 0 && errno == EINVAL) {
            config.info.lo_flags &= ~(unsigned)LO_FLAGS_DIRECT_IO;
            config.block_size = 0;
            result = ioctl(device, LOOP_CONFIGURE, &config);
        }
        if (result == 0) {
            close(control);
            *index = n;
            return device;
        }
        close(device);
        if (errno != EBUSY) fail_errno("loop", "cannot attach to %s", path);
        sleep_ms(1); /* another process took this one first */
    }
    fail("loop", "loop devices are contended");
}

static int mount_image(const char *type, const char *source, const char *const *flags, unsigned attributes) {
    int fs = sys_fsopen(type, FSOPEN_CLOEXEC);
    if (fs < 0) fail_errno("mount", "this kernel has no %s", type);
    int mount = -1;
    if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) == 0) {
        bool ok = true;
        for (; ok && *flags != NULL; flags++) ok = sys_fsconfig(fs, FSCONFIG_SET_FLAG, *flags, NULL, 0) == 0;
        if (ok && sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
            mount = sys_fsmount(fs, FSMOUNT_CLOEXEC, attributes);
    }
    int error = errno;
    close(fs);
    errno = error;
    return mount;
}

static void attach_mount(int mount, const char *at) {
    if (sys_move_mount(mount, "", -1 /* at is absolute */, at, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("mount", "cannot mount at %s", at);
    close(mount);
}

/* Copies data, keeps holes; shares the blocks where the file system can. */
static void copy_sparse(int from, int to) {
    struct stat about;
    if (fstat(from, &about) < 0) fail_errno("upper", "template image");
    if (ioctl(to, FICLONE, from) == 0) return;
    if (ftruncate(to, about.st_size) < 0) fail_errno("upper", "cannot size the image");
    off_t at = 0;
    while (at < about.st_size) {
        off_t start = lseek(from, at, SEEK_DATA);
        if (start < 0) break; /* only a hole is left */
        off_t end = lseek(from, start, SEEK_HOLE);
        off_t source = start, target = start;
        while (source < end) {
            ssize_t copied = copy_file_range(from, &source, to, &target, (size_t)(end - source), 0);
            if (copied <= 0) fail_errno("upper", "cannot copy the template image");
        }
        at = end;
    }
}

void make_upper(const char *template_image, const char *dir) {
    if (lock_path(dir) < 0) fail_errno("upper", "%s", dir);
    int from = open(template_image, O_RDONLY | O_CLOEXEC);
    if (from < 0) fail_errno("upper", "%s", template_image);
    char *image = format_path("%s/image", dir);
    int to = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to < 0) fail_errno("upper", "%s", image);
    copy_sparse(from, to);
    int index;
    int device = attach_loop(to, false, &index);
    char number[32], source[32];
    snprintf(number, sizeof number, "%d\n", index);
    snprintf(source, sizeof source, "/dev/loop%d", index);
    if (replace_file(format_path("%s/loop", dir), number) < 0) fail_errno("upper", "cannot journal the loop device");
    char *at = format_path("%s/m", dir);
    if (mkdir(at, 0755) < 0 && errno != EEXIST) fail_errno("upper", "%s", at);
    static const char *const flags[] = {"noinit_itable", NULL};
    int mount = mount_image("ext4", source, flags, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    if (mount < 0) fail_errno("upper", "cannot mount %s", image);
    attach_mount(mount, at);
    close(device);
}

/* True while the loop device named in `dir/loop` still holds `dir/image`. */
static bool loop_holds(const char *dir) {
    char *text = read_small_file(format_path("%s/loop", dir));
    if (text == NULL) return false;
    int index = atoi(text);
    char *backing = read_small_file(format_path("/sys/block/loop%d/loop/backing_file", index));
    if (backing == NULL) return false;
    char *image = format_path("%s/image", dir);
    bool holds = strncmp(backing, image, strlen(image)) == 0;
    free(image);
    return holds;
}

void view_upper(const char *dir, const char *at) {
    char *text = read_small_file(format_path("%s/loop", dir));
    int index = text == NULL ? -1 : atoi(text);
    if (index < 0 || !loop_holds(dir)) fail("upper", "no loop device holds %s/image", dir);
    char *source = format_path("/dev/loop%d", index);
    /* The same file system once more, so what is not on its disk yet is seen, too; only this mount is read-only. */
    static const char *const flags[] = {NULL};
    int mount = mount_image("ext4", source, flags, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
    if (mount < 0) fail_errno("upper", "cannot look into %s", source);
    if (mkdir(at, 0700) < 0 && errno != EEXIST) fail_errno("upper", "%s", at);
    attach_mount(mount, at);
    free(source);
}

void release_upper(const char *dir) {
    if (lock_path(dir) < 0) return;
    char *at = format_path("%s/m", dir);
    while (umount2(at, DETACH) == 0) continue;
    /* The last reference may be dropped by a kernel worker a moment after the last process is gone. Else somebody has taken
     * copies of the host's mounts: any program with a mount namespace of its own that was made while this lay at `m`. */
    unsigned rest = 1;
    uint64_t from = monotonic_ms(), look = from + LOOK_ELSEWHERE_MS;
    while (loop_holds(dir) && monotonic_ms() < from + RELEASE_MS) {
        sleep_ms(rest);
        if (rest < 16) rest *= 2;
        if (monotonic_ms() < look || !loop_holds(dir)) continue;
        unmount_elsewhere(at);
        look = monotonic_ms() + LOOK_AGAIN_MS;
    }
    if (loop_holds(dir)) fail("upper", "the loop device still holds %s/image", dir);
}

void mount_layer(const char *image, const char *at, bool force_loop) {
    static const char *const flags[] = {"ro", NULL};
    unsigned attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME;
    int mount = force_loop ? -1 : mount_image("erofs", image, flags, attributes);
    if (mount < 0) {
        if (!force_loop && errno != ENOTBLK) fail_errno("layer", "cannot mount %s", image);
        int fd = open(image, O_RDONLY | O_CLOEXEC);
        if (fd < 0) fail_errno("layer", "%s", image);
        int index;
        int device = attach_loop(fd, true, &index);
        char source[32];
        snprintf(source, sizeof source, "/dev/loop%d", index);
        mount = mount_image("erofs", source, flags, attributes);
        if (mount < 0) fail_errno("layer", "cannot mount %s through %s", image, source);
        close(device);
    }
    attach_mount(mount, at);
}

void make_devices(const char *dir) {
    static const struct {
        const char *name;
        unsigned major, minor;
    } nodes[] = {{"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0}, {"fuse", 10, 229}};
    static const char *const links[][2] = {{"ptmx", "pts/ptmx"}, {"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"},
                                           {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"}};
    char *dev = format_path("%s/dev", dir);
    umask(0);
    if (mkdir(dir, 0755) < 0 && errno != EEXIST) fail_errno("devices", "%s", dir);
    if (mkdir(dev, 0755) < 0 && errno != EEXIST) fail_errno("devices", "%s", dev);
    /* What other layers have in /dev stays out of sight. */
    if (setxattr(dev, "trusted.overlay.opaque", "y", 1, 0) < 0) fail_errno("devices", "the file system of %s keeps no trusted attributes", dev);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char *path = format_path("%s/%s", dev, nodes[i].name);
        if (mknod(path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)) < 0 && errno != EEXIST) fail_errno("devices", "%s", path);
    }
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char *path = format_path("%s/%s", dev, links[i][0]);
        if (symlink(links[i][1], path) < 0 && errno != EEXIST) fail_errno("devices", "%s", path);
    }
    const char *const points[] = {"pts", "shm"};
    for (size_t i = 0; i < 2; i++) {
        char *path = format_path("%s/%s", dev, points[i]);
        if (mkdir(path, 0755) < 0 && errno != EEXIST) fail_errno("devices", "%s", path);
    }
}
