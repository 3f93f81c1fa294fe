/* A directory tree as it is to be written into a layer: everything but the files' contents. */
#ifndef SANDLOT_LAUNCHER_LAYER_TREE_H
#define SANDLOT_LAUNCHER_LAYER_TREE_H
#include "common.h"

#include <sys/stat.h>

struct entry {
    char *name;
    struct node *node;
};

struct node {
    struct stat about; /* st_nlink counts the names in the tree */
    unsigned char *xattrs; /* as the image has them, header included */
    size_t xattr_size;
    char *target; /* of a symbolic link */
    struct entry *entries; /* of a directory, "." and ".." included, sorted by name */
    size_t entry_count, entry_room;
    bool *chunks; /* of a file with holes: which of its chunks hold data */
    uint64_t chunk_count;
    unsigned chunk_bits;
    /* Filled in by the writer: */
    uint64_t offset; /* of the inode in the image */
    uint64_t data;   /* of the contents, when they do not lie behind the inode */
    bool is_inline, is_written;
};

/* All of the tree below the open directory `source`, which must not change meanwhile. */
struct node *read_tree(int source);
/* Opens a file or directory of the tree again, below an open directory. */
int open_entry(int dir, const char *name, bool directory);
#endif
