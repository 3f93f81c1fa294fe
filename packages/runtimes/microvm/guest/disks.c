/* The sandbox's root out of two disks: the layers, read-only, and one that takes what is written. */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <sys/xattr.h>
#include <unistd.h>

#define WAIT_MS 5000
#define EXT4_IOC_RESIZE_FS _IOW('f', 16, uint64_t)

/* Says of a layer that it was an upper of ours, so that its root is the sandbox's own. The container runtime's mark. */
#define OWN_ROOT "trusted.sandlot.root"

static void await_node(const char *path) {
    for (uint64_t until = monotonic_ms() + WAIT_MS; access(path, F_OK) < 0; sleep_ms(2))
        if (monotonic_ms() > until) fail("disks", "%s does not appear", path);
}

static void mount_layer(unsigned number, const char *at) {
    char node[32];
    snprintf(node, sizeof node, "/dev/vda%u", number);
    await_node(node);
    mkdir(at, 0755);
    if (mount(node, at, "erofs", MS_RDONLY, NULL) < 0) fail_errno("layers", "%s", node);
}

/* An overlay's own root is as its upper has it: of the newest layer that was an upper, else of the oldest, the image. */
static void copy_root(unsigned count) {
    char at[32];
    struct stat image;
    for (unsigned i = 1; i <= count; i++) {
        snprintf(at, sizeof at, "/layers/%u", i);
        if (getxattr(at, OWN_ROOT, NULL, 0) >= 0) break;
    }
    if (stat(at, &image) < 0) fail_errno("layers", "%s", at);
    if (chown(DISK "/u", image.st_uid, image.st_gid) < 0 || chmod(DISK "/u", image.st_mode & 07777) < 0 || setxattr(DISK "/u", OWN_ROOT, "", 0, 0) < 0)
        fail_errno("disks", "the upper's root");
}

/* A disk that was sealed may come back as a larger one. */
static void grow(void) {
    struct statvfs seen;
    uint64_t bytes;
    int disk = open("/dev/vdb", O_RDONLY | O_CLOEXEC), at = open(DISK, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (disk < 0 || at < 0 || ioctl(disk, BLKGETSIZE64, &bytes) < 0 || fstatvfs(at, &seen) < 0) fail_errno("disks", "the size of /dev/vdb");
    uint64_t blocks = bytes / seen.f_frsize;
    /* Its own tables are not counted in f_blocks: less than a sixteenth. */
    if (blocks - blocks / 16 > seen.f_blocks && ioctl(at, EXT4_IOC_RESIZE_FS, &blocks) < 0) fail_errno("disks", "cannot grow to %llu blocks", (unsigned long long)blocks);
    close(disk);
    close(at);
}

static void mount_disk(unsigned count) {
    await_node("/dev/vdb");
    mkdir(DISK, 0700);
    if (mount("/dev/vdb", DISK, "ext4", MS_NOATIME, "discard") < 0) fail_errno("disks", "/dev/vdb");
    grow();
    mkdir(DISK "/w", 0700);
    if (mkdir(DISK "/u", 0755) == 0) copy_root(count);
}

/* What the overlay noted of layers that are others now: another version of ours on top, say. Names and contents do not
 * depend on it, only what is known of files with several names. */
static void forget_origins(void) {
    removexattr(DISK "/u", "trusted.overlay.origin");
    DIR *index = opendir(DISK "/w/index");
    struct dirent *entry;
    while (index != NULL && (entry = readdir(index)) != NULL) {
        int flags = entry->d_type == DT_DIR ? AT_REMOVEDIR : 0;
        if (entry->d_name[0] != '.') unlinkat(dirfd(index), entry->d_name, flags);
    }
    if (index != NULL) closedir(index);
}

static int mount_overlay(unsigned count, const char *features) {
    char options[2048];
    size_t used = (size_t)snprintf(options, sizeof options, "%supperdir=" DISK "/u,workdir=" DISK "/w,lowerdir=", features);
    for (unsigned i = 1; i <= count; i++) used += (size_t)snprintf(options + used, sizeof options - used, "%s%u", i == 1 ? "" : ":", i);
    return mount("sandlot", ROOT, "overlay", 0, options);
}

void mount_layers(const struct boot *boot) {
    if (boot->layers < 2 || boot->layers > MAX_LAYERS) fail("layers", "%u partitions", boot->layers);
    unsigned count = boot->layers - 1;
    struct utsname kernel;
    char at[160];
    uname(&kernel);
    mkdir("/lib", 0755);
    mkdir("/lib/modules", 0755);
    snprintf(at, sizeof at, "/lib/modules/%s", kernel.release);
    mount_layer(boot->layers, at);
    mkdir("/layers", 0755);
    for (unsigned i = 1; i <= count; i++) {
        snprintf(at, sizeof at, "/layers/%u", i);
        mount_layer(i, at);
    }
    mount_disk(count);
    if (chdir("/layers") < 0) fail_errno("layers", "chdir");
    /* With an index, files of older layers with several names stay one file when they are changed. */
    int result = mount_overlay(count, "index=on,nfs_export=on,");
    if (result < 0 && errno == ESTALE) {
        forget_origins();
        result = mount_overlay(count, "index=on,nfs_export=on,");
    }
    if (result < 0) fail_errno("layers", "cannot lay %u layers", count);
    if (chdir("/") < 0) fail_errno("layers", "chdir");
}
