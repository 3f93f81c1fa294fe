#include "hard-links.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* An index entry's name is a file handle in hex: five bytes of kind, 16 of the layer's UUID, then the file's number, in the
 * first or the second of two words as its file system has it. One too many does no harm. */
#define HANDLE_WORDS_AT (5 + 16)
#define HANDLE_WORDS 2
#define MAX_DEPTH 128

struct numbers {
    uint32_t *at;
    size_t count, room;
};

static uint32_t word_in(const char *handle, size_t at) {
    uint32_t word = 0;
    if (strlen(handle) < 2 * (at + 4)) return 0;
    for (size_t byte = 4; byte-- > 0;) {
        unsigned value;
        if (sscanf(handle + 2 * (at + byte), "%2x", &value) != 1) return 0;
        word = word << 8 | value;
    }
    return word;
}

static void add(struct numbers *to, uint32_t number) {
    if (number == 0) return;
    if (to->count == to->room) {
        to->room = to->room * 2 + 64;
        to->at = realloc(to->at, to->room * sizeof *to->at);
        if (to->at == NULL) fail("memory", "no memory");
    }
    to->at[to->count++] = number;
}

/* Whether the machine sees more names of it than the upper has. `U+0` and up: names less what the upper has with its index. */
static bool lacks_names(const char *path) {
    char text[32];
    ssize_t length = lgetxattr(path, "trusted.overlay.nlink", text, sizeof text - 1);
    if (length < 2) return false;
    text[length] = 0;
    return text[0] != 'U' || atoi(text + 1) >= 0;
}

static void find_changed(const char *disk, struct numbers *found) {
    char *index = format_path("%s/w/index", disk);
    DIR *dir = opendir(index);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.') continue;
        char *path = format_path("%s/%s", index, entry->d_name);
        bool wanted = lacks_names(path);
        free(path);
        for (size_t word = 0; wanted && word < HANDLE_WORDS; word++) add(found, word_in(entry->d_name, HANDLE_WORDS_AT + 4 * word));
    }
    if (dir != NULL) closedir(dir);
    free(index);
}

static bool is_among(const struct numbers *numbers, uint64_t inode) {
    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->at[i] == (uint32_t)inode) return true;
    return false;
}

/* Setting the times it has makes the overlay give the upper this name of the file, too. */
static void touch(int dir, const char *name, const struct stat *about) {
    const struct timespec times[2] = {about->st_atim, about->st_mtim};
    if (utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW) < 0) fail_errno("layer", "cannot keep the names of %s together", name);
}

/* `dir` is consumed. Other file systems that the machine has mounted are passed by. */
static void walk(int dir, dev_t device, const struct numbers *wanted, int depth) {
    DIR *entries = fdopendir(dir);
    if (entries == NULL) fail_errno("layer", "cannot read a directory");
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        struct stat about;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (entry->d_type == DT_DIR) {
            int below = depth == MAX_DEPTH ? -1 : openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            if (below < 0) continue;
            if (fstat(below, &about) == 0 && about.st_dev == device) walk(below, device, wanted, depth + 1);
            else close(below);
        } else if (is_among(wanted, entry->d_ino) && fstatat(dir, entry->d_name, &about, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 && about.st_nlink > 1) {
            touch(dir, entry->d_name, &about);
        }
    }
    closedir(entries);
}

void link_up_names(const char *disk, pid_t init) {
    struct numbers changed = {0};
    find_changed(disk, &changed);
    if (changed.count == 0) return;
    char *path = format_path("/proc/%d/root", init);
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat about;
    if (root < 0 || fstat(root, &about) < 0) fail_errno("layer", "%s", path);
    free(path);
    walk(root, about.st_dev, &changed, 0);
    free(changed.at);
}
