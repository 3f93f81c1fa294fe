/* The format is erofs as Linux documents it, of which this writes the plain part: inodes of 64 bytes with their small
 * contents behind them, then blocks of directories and files. Files with holes have a map of their chunks. */
#include "layer-image.h"
#include "layer-tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#define BLOCK 4096u
#define BLOCK_BITS 12
#define SUPER_AT 1024u
#define FIRST_INODE 1152u
#define INODE 64u
#define DIRENT 12u
#define HOLE 0xffffffffu
#define CHUNKED_FILES 4u
#define HAS_MTIMES 2u
enum { PLAIN = 0, INLINE = 2, CHUNKS = 4 };

struct image {
    int fd;
    unsigned char *meta; /* superblock and inodes, written in one go */
    uint64_t meta_end;   /* in bytes, while inodes are placed */
    uint64_t next_block;
    uint64_t inodes;
};

static void put(unsigned char *at, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)(value >> (8 * i));
}

static uint64_t blocks_of(uint64_t bytes) { return (bytes + BLOCK - 1) >> BLOCK_BITS; }

static uint64_t directory_size(const struct node *dir) {
    uint64_t blocks = 0, used = 0;
    for (size_t i = 0; i < dir->entry_count; i++) {
        uint64_t needed = DIRENT + strlen(dir->entries[i].name);
        if (used + needed > BLOCK) {
            blocks++;
            used = 0;
        }
        used += needed;
    }
    return blocks * BLOCK + used;
}

static uint64_t contents_of(struct node *node) {
    switch (node->about.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFLNK: return (uint64_t)node->about.st_size;
    case S_IFDIR: return (uint64_t)(node->about.st_size = (off_t)directory_size(node));
    default: return 0;
    }
}

/* Finds a place for each inode, parents first, and says where contents lie behind it. */
static void place_inodes(struct image *image, struct node *node) {
    if (node->offset != 0) return; /* another name of it */
    uint64_t contents = contents_of(node), behind = node->chunks != NULL ? node->chunk_count * 4 : contents;
    uint64_t whole = INODE + node->xattr_size + behind;
    node->is_inline = node->chunks == NULL && contents > 0 && whole <= BLOCK;
    uint64_t at = (image->meta_end + INODE - 1) & ~(uint64_t)(INODE - 1);
    if (node->is_inline && at % BLOCK + whole > BLOCK) at = (at + BLOCK - 1) & ~(uint64_t)(BLOCK - 1);
    node->offset = at;
    image->inodes++;
    image->meta_end = at + INODE + node->xattr_size + (node->is_inline || node->chunks != NULL ? behind : 0);
    for (size_t i = 0; i < node->entry_count; i++) place_inodes(image, node->entries[i].node);
}

static uint64_t chunk_bytes(const struct node *node, uint64_t chunk) {
    uint64_t start = chunk << node->chunk_bits, left = (uint64_t)node->about.st_size - start;
    return left < 1ull << node->chunk_bits ? left : 1ull << node->chunk_bits;
}

/* Finds a place for the contents that lie elsewhere. */
static void place_contents(struct image *image, struct node *node) {
    if (node->data != 0) return;
    node->data = image->next_block * BLOCK;
    if (node->chunks != NULL) {
        for (uint64_t chunk = 0; chunk < node->chunk_count; chunk++)
            if (node->chunks[chunk]) image->next_block += blocks_of(chunk_bytes(node, chunk));
    } else if (!node->is_inline && !S_ISCHR(node->about.st_mode) && !S_ISBLK(node->about.st_mode)) {
        image->next_block += blocks_of(contents_of(node));
    }
    for (size_t i = 0; i < node->entry_count; i++) place_contents(image, node->entries[i].node);
}

static void write_at(struct image *image, const void *bytes, size_t length, uint64_t at) {
    for (const char *from = bytes; length > 0;) {
        ssize_t wrote = pwrite(image->fd, from, length, (off_t)at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) fail_errno("layer", "cannot write");
        from += wrote;
        at += (uint64_t)wrote;
        length -= (size_t)wrote;
    }
}

static unsigned char kind_of(mode_t mode) {
    static const unsigned char kinds[16] = {[S_IFREG >> 12] = 1, [S_IFDIR >> 12] = 2, [S_IFCHR >> 12] = 3, [S_IFBLK >> 12] = 4, [S_IFIFO >> 12] = 5, [S_IFSOCK >> 12] = 6, [S_IFLNK >> 12] = 7};
    return kinds[(mode & S_IFMT) >> 12];
}

/* One block's worth of entries from `first` on; returns how many. The names lie behind the entries. */
static size_t fill_directory_block(const struct node *dir, size_t first, unsigned char *block, size_t *used) {
    size_t count = 0, size = 0;
    while (first + count < dir->entry_count) {
        size_t needed = DIRENT + strlen(dir->entries[first + count].name);
        if (size + needed > BLOCK) break;
        size += needed;
        count++;
    }
    size_t name_at = count * DIRENT;
    for (size_t i = 0; i < count; i++) {
        const struct entry *entry = &dir->entries[first + i];
        unsigned char *at = block + i * DIRENT;
        put(at, entry->node->offset / 32, 8);
        put(at + 8, name_at, 2);
        at[10] = kind_of(entry->node->about.st_mode);
        memcpy(block + name_at, entry->name, strlen(entry->name));
        name_at += strlen(entry->name);
    }
    *used = size;
    return count;
}

static void write_directory(struct image *image, const struct node *dir, unsigned char *behind) {
    unsigned char block[BLOCK];
    uint64_t at = dir->data;
    for (size_t first = 0, used; first < dir->entry_count; at += BLOCK) {
        memset(block, 0, sizeof block);
        first += fill_directory_block(dir, first, block, &used);
        if (dir->is_inline) memcpy(behind, block, used);
        else write_at(image, block, sizeof block, at);
    }
}

static void copy_range(struct image *image, int from, uint64_t start, uint64_t length, uint64_t to) {
    static unsigned char buffer[1 << 20];
    while (length > 0) {
        ssize_t got = pread(from, buffer, length < sizeof buffer ? length : sizeof buffer, (off_t)start);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) fail_errno("layer", "a file cannot be read");
        write_at(image, buffer, (size_t)got, to);
        start += (uint64_t)got;
        to += (uint64_t)got;
        length -= (uint64_t)got;
    }
}

/* As `copy_range`, past the holes there are: they are holes in the image file, too. */
static void copy_data(struct image *image, int from, uint64_t start, uint64_t length, uint64_t to) {
    uint64_t end = start + length;
    for (uint64_t at = start; at < end;) {
        off_t data = lseek(from, (off_t)at, SEEK_DATA);
        if (data < 0 || (uint64_t)data >= end) return; /* only a hole is left */
        off_t hole = lseek(from, data, SEEK_HOLE);
        if (hole < 0) fail_errno("layer", "a file cannot be read");
        uint64_t until = (uint64_t)hole < end ? (uint64_t)hole : end;
        copy_range(image, from, (uint64_t)data, until - (uint64_t)data, to + ((uint64_t)data - start));
        at = until;
    }
}

static void write_file_contents(struct image *image, const struct node *node, int fd, unsigned char *behind) {
    uint64_t size = (uint64_t)node->about.st_size, to = node->data;
    if (node->is_inline) {
        if (pread(fd, behind, size, 0) != (ssize_t)size) fail_errno("layer", "a file cannot be read");
    } else if (node->chunks == NULL) {
        copy_range(image, fd, 0, size, to);
    } else {
        for (uint64_t chunk = 0; chunk < node->chunk_count; chunk++) {
            put(behind + chunk * 4, node->chunks[chunk] ? to / BLOCK : HOLE, 4);
            if (!node->chunks[chunk]) continue;
            copy_data(image, fd, chunk << node->chunk_bits, chunk_bytes(node, chunk), to);
            to += blocks_of(chunk_bytes(node, chunk)) * BLOCK;
        }
    }
}

static void write_inode(const struct node *node, unsigned char *at) {
    const struct stat *about = &node->about;
    unsigned layout = node->chunks != NULL ? CHUNKS : node->is_inline ? INLINE : PLAIN;
    uint64_t where = layout == CHUNKS ? node->chunk_bits - BLOCK_BITS : layout == INLINE ? 0 : node->data / BLOCK;
    if (S_ISCHR(about->st_mode) || S_ISBLK(about->st_mode)) {
        unsigned minor_number = minor(about->st_rdev);
        where = (minor_number & 0xff) | major(about->st_rdev) << 8 | (minor_number & ~0xffu) << 12;
    }
    put(at, 1 | layout << 1, 2);
    put(at + 2, node->xattr_size == 0 ? 0 : (node->xattr_size - 12) / 4 + 1, 2);
    put(at + 4, about->st_mode, 2);
    bool sized = S_ISREG(about->st_mode) || S_ISDIR(about->st_mode) || S_ISLNK(about->st_mode);
    put(at + 8, sized ? (uint64_t)about->st_size : 0, 8);
    put(at + 16, where, 4);
    put(at + 20, node->offset / 32, 4);
    put(at + 24, about->st_uid, 4);
    put(at + 28, about->st_gid, 4);
    put(at + 32, (uint64_t)about->st_mtim.tv_sec, 8);
    put(at + 40, (uint64_t)about->st_mtim.tv_nsec, 4);
    put(at + 44, about->st_nlink, 4);
    if (node->xattr_size > 0) memcpy(at + INODE, node->xattrs, node->xattr_size);
}

/* `dir` and `name` say where the node is found; `dir` stays open. */
static void write_node(struct image *image, struct node *node, int dir, const char *name) {
    if (node->is_written) return;
    node->is_written = true;
    unsigned char *at = image->meta + node->offset, *behind = at + INODE + node->xattr_size;
    write_inode(node, at);
    mode_t type = node->about.st_mode & S_IFMT;
    if (type == S_IFLNK && node->is_inline) memcpy(behind, node->target, (size_t)node->about.st_size);
    else if (type == S_IFLNK) write_at(image, node->target, (size_t)node->about.st_size, node->data);
    if (type != S_IFREG && type != S_IFDIR) return;
    if (type == S_IFREG && node->about.st_size == 0) return;
    int fd = open_entry(dir, name, type == S_IFDIR);
    if (type == S_IFREG) write_file_contents(image, node, fd, behind);
    if (type == S_IFDIR) write_directory(image, node, behind);
    for (size_t i = 0; i < node->entry_count; i++) {
        const struct entry *entry = &node->entries[i];
        if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0) write_node(image, entry->node, fd, entry->name);
    }
    close(fd);
}

static void write_super(struct image *image, const struct node *root) {
    unsigned char *super = image->meta + SUPER_AT;
    put(super, 0xE0F5E1E2u, 4);
    put(super + 8, HAS_MTIMES, 4);
    super[12] = BLOCK_BITS;
    put(super + 14, root->offset / 32, 2);
    put(super + 16, image->inodes, 8);
    put(super + 24, (uint64_t)time(NULL), 8);
    put(super + 36, image->next_block, 4);
    if (getrandom(super + 48, 16, 0) != 16) fail_errno("layer", "getrandom");
    super[54] = (super[54] & 0x0f) | 0x40;
    super[56] = (super[56] & 0x3f) | 0x80;
    put(super + 80, CHUNKED_FILES, 4);
}

void write_layer(const char *source, const char *target) {
    struct image image = {.meta_end = FIRST_INODE};
    int tree = open_entry(AT_FDCWD, source, true);
    struct node *root = read_tree(tree);
    place_inodes(&image, root);
    image.next_block = blocks_of(image.meta_end);
    place_contents(&image, root);
    if (image.next_block >= HOLE) fail("layer", "it is larger than 16 TiB");
    image.meta = calloc(blocks_of(image.meta_end), BLOCK);
    if (image.meta == NULL) fail("memory", "no memory for %llu inodes", (unsigned long long)image.inodes);
    image.fd = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (image.fd < 0) fail_errno("layer", "%s", target);
    write_node(&image, root, tree, ".");
    write_super(&image, root);
    write_at(&image, image.meta, blocks_of(image.meta_end) * BLOCK, 0);
    if (ftruncate(image.fd, (off_t)(image.next_block * BLOCK)) < 0 || close(image.fd) < 0) fail_errno("layer", "%s", target);
}
