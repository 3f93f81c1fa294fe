#include "layer-tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/xattr.h>
#include <unistd.h>

#define BLOCK_BITS 12
#define WORTHWHILE_HOLES (64 << 10) /* smaller ones are written as zeros */
#define MAX_CHUNKS (1u << 18) /* a map of 1 MiB */

/* What an overlay notes of the layers below it: true of the upper only. */
static const char *const not_kept[] = {
    "trusted.overlay.origin", "trusted.overlay.impure", "trusted.overlay.nlink", "trusted.overlay.upper", "trusted.overlay.uuid",
};
static const struct {
    const char *prefix;
    unsigned char index;
} prefixes[] = {
    {"user.", 1}, {"system.posix_acl_access", 2}, {"system.posix_acl_default", 3}, {"trusted.", 4}, {"security.", 6},
};

/* Files with several names, by inode number. */
static struct {
    struct node **slots;
    size_t count, room;
} linked;

static void *need(void *memory) {
    if (memory == NULL) fail("memory", "no memory");
    return memory;
}

static struct node **slot_of(uint64_t inode) {
    size_t at = (size_t)(inode * 0x9E3779B97F4A7C15ull) & (linked.room - 1);
    while (linked.slots[at] != NULL && linked.slots[at]->about.st_ino != inode) at = (at + 1) & (linked.room - 1);
    return &linked.slots[at];
}

static void make_room_for_linked(void) {
    if (linked.count * 2 < linked.room) return;
    struct node **old = linked.slots;
    size_t room = linked.room;
    linked.room = room == 0 ? 1024 : room * 2;
    linked.slots = need(calloc(linked.room, sizeof *linked.slots));
    for (size_t i = 0; i < room; i++)
        if (old[i] != NULL) *slot_of(old[i]->about.st_ino) = old[i];
    free(old);
}

static void add_xattr(struct node *node, const char *path, const char *name) {
    for (size_t i = 0; i < sizeof not_kept / sizeof *not_kept; i++)
        if (strcmp(name, not_kept[i]) == 0) return;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
        size_t skipped = strlen(prefixes[i].prefix), length = strlen(name);
        if (strncmp(name, prefixes[i].prefix, skipped) != 0) continue;
        static unsigned char value[65536];
        ssize_t size = lgetxattr(path, name, value, sizeof value - 1);
        if (size < 0) fail_errno("layer", "attribute %s", name);
        size_t needed = (4 + length - skipped + (size_t)size + 3) & ~(size_t)3;
        if (node->xattr_size == 0) node->xattr_size = 12;
        node->xattrs = need(realloc(node->xattrs, node->xattr_size + needed));
        unsigned char *at = node->xattrs + node->xattr_size;
        memset(at, 0, needed);
        at[0] = (unsigned char)(length - skipped);
        at[1] = prefixes[i].index;
        at[2] = (unsigned char)size;
        at[3] = (unsigned char)(size >> 8);
        memcpy(at + 4, name + skipped, length - skipped);
        memcpy(at + 4 + length - skipped, value, (size_t)size);
        node->xattr_size += needed;
        memset(node->xattrs, 0, 12);
        return;
    }
}

static void read_xattrs(struct node *node, const char *path) {
    static char names[65536];
    ssize_t length = llistxattr(path, names, sizeof names);
    if (length < 0 && errno == ENOTSUP) return;
    if (length < 0) fail_errno("layer", "attributes");
    for (char *name = names; name < names + length; name += strlen(name) + 1) add_xattr(node, path, name);
}

/* A file of which much is holes is written in chunks, those without data left out. */
static void find_chunks(struct node *node, int dir, const char *name) {
    off_t size = node->about.st_size;
    if (node->about.st_blocks * 512 + WORTHWHILE_HOLES > size) return;
    unsigned bits = BLOCK_BITS;
    while (((uint64_t)size >> bits) >= MAX_CHUNKS) bits++;
    int fd = open_entry(dir, name, false);
    node->chunk_bits = bits;
    node->chunk_count = ((uint64_t)size + (1ull << bits) - 1) >> bits;
    node->chunks = need(calloc(node->chunk_count, sizeof *node->chunks));
    for (off_t at = 0; at < size;) {
        off_t start = lseek(fd, at, SEEK_DATA);
        if (start < 0 && errno == ENXIO) break;
        off_t end = start < 0 ? start : lseek(fd, start, SEEK_HOLE);
        if (end < 0) fail_errno("layer", "holes of %s", name);
        for (uint64_t chunk = (uint64_t)start >> bits; chunk <= (uint64_t)(end - 1) >> bits; chunk++) node->chunks[chunk] = true;
        at = end;
    }
    close(fd);
}

static void add_entry(struct node *dir, const char *name, struct node *node) {
    if (dir->entry_count == dir->entry_room) {
        dir->entry_room = dir->entry_room * 2 + 8;
        dir->entries = need(realloc(dir->entries, dir->entry_room * sizeof *dir->entries));
    }
    dir->entries[dir->entry_count++] = (struct entry){.name = need(strdup(name)), .node = node};
}

static int by_name(const void *one, const void *other) {
    return strcmp(((const struct entry *)one)->name, ((const struct entry *)other)->name); /* by byte, unsigned */
}

static void read_directory(struct node *node, struct node *parent, int fd);

static struct node *read_node(int dir, const char *name, struct node *parent) {
    struct node *node = need(calloc(1, sizeof *node));
    if (fstatat(dir, name, &node->about, AT_SYMLINK_NOFOLLOW) < 0) fail_errno("layer", "%s", name);
    mode_t type = node->about.st_mode & S_IFMT;
    if (type != S_IFDIR && node->about.st_nlink > 1) {
        make_room_for_linked();
        struct node **known = slot_of(node->about.st_ino);
        if (*known != NULL) {
            free(node);
            (*known)->about.st_nlink++;
            return *known;
        }
        *known = node;
        linked.count++;
    }
    char *path = format_path("/proc/self/fd/%d/%s", dir, name);
    read_xattrs(node, path);
    node->about.st_nlink = 1;
    if (type == S_IFREG) find_chunks(node, dir, name);
    if (type == S_IFLNK) {
        node->target = need(calloc(1, (size_t)node->about.st_size + 1));
        if (readlink(path, node->target, (size_t)node->about.st_size) != node->about.st_size) fail_errno("layer", "link %s", name);
    }
    if (type == S_IFDIR) read_directory(node, parent, open_entry(dir, name, true));
    free(path);
    return node;
}

/* `fd` is consumed. */
static void read_directory(struct node *node, struct node *parent, int fd) {
    DIR *entries = fdopendir(fd);
    if (entries == NULL) fail_errno("layer", "directory");
    node->about.st_nlink = 2;
    add_entry(node, ".", node);
    add_entry(node, "..", parent == NULL ? node : parent);
    errno = 0;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL; errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        struct node *child = read_node(fd, entry->d_name, node);
        if (S_ISDIR(child->about.st_mode)) node->about.st_nlink++;
        add_entry(node, entry->d_name, child);
    }
    if (errno != 0) fail_errno("layer", "directory");
    closedir(entries);
    qsort(node->entries, node->entry_count, sizeof *node->entries, by_name);
}

int open_entry(int dir, const char *name, bool directory) {
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (directory ? O_DIRECTORY : O_NONBLOCK));
    if (fd < 0) fail_errno("layer", "%s", name);
    return fd;
}

struct node *read_tree(int source) {
    /* A descriptor for every level. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    return read_node(source, ".", NULL);
}
