/* Loads the kernel's modules: at boot by a list, later by name or alias when the kernel asks, as modprobe does. */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

static int load_file(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int result = (int)syscall(SYS_finit_module, fd, "", 0);
    int error = errno;
    close(fd);
    errno = error;
    return result == 0 || error == EEXIST ? 0 : -1;
}

static bool has_device(unsigned wanted) {
    DIR *devices = opendir("/sys/bus/virtio/devices");
    bool found = false;
    struct dirent *entry;
    while (devices != NULL && !found && (entry = readdir(devices)) != NULL) {
        if (entry->d_name[0] == '.') continue;
        char path[320];
        snprintf(path, sizeof path, "/sys/bus/virtio/devices/%s/device", entry->d_name);
        found = number_in_file(path) == wanted;
    }
    if (devices != NULL) closedir(devices);
    return found;
}

void load_boot_modules(bool disks) {
    char *text = read_small_file("/boot/order"), *rest = NULL;
    text = strdup(text == NULL ? "" : text);
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        unsigned device;
        char name[128], path[160];
        if (sscanf(line, "%u %127s", &device, name) != 2) fail("modules", "a line of the order: %s", line);
        /* File systems are of no use without disks. */
        if (!disks && (strstr(name, "overlay") != NULL || strstr(name, "erofs") != NULL)) continue;
        if (device != 0 && !has_device(device)) continue;
        snprintf(path, sizeof path, "/boot/%s", name);
        if (load_file(path) < 0) fail_errno("modules", "%s", name);
        unlink(path); /* the first root lies in memory */
    }
    free(text);
}

/* A whole text file in the page cache, or NULL. */
static const char *map_text(const char *path, size_t *size) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) < 0 || about.st_size == 0) return NULL;
    void *text = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    *size = (size_t)about.st_size;
    return text == MAP_FAILED ? NULL : text;
}

/* Dashes and underscores are the same to the kernel. */
static void to_module_name(char *out, const char *from, size_t length, size_t room) {
    if (length >= room) length = room - 1;
    for (size_t i = 0; i < length; i++) out[i] = from[i] == '-' ? '_' : from[i];
    out[length] = 0;
}

/* modules.dep has `path/name.ko: dependency dependency`, the deepest last. */
static bool load_with_needs(const char *dir, const char *wanted) {
    char path[512], name[128];
    size_t size, used = 0;
    snprintf(path, sizeof path, "%s/modules.dep", dir);
    const char *text = map_text(path, &size);
    for (const char *line = text; line != NULL && used < size; ) {
        const char *end = memchr(line, '\n', size - used);
        size_t length = end == NULL ? size - used : (size_t)(end - line);
        const char *colon = memchr(line, ':', length);
        const char *base = colon == NULL ? NULL : memrchr(line, '/', (size_t)(colon - line));
        base = base == NULL ? line : base + 1;
        if (colon != NULL) {
            to_module_name(name, base, (size_t)(colon - base), sizeof name);
            name[strcspn(name, ".")] = 0;
            if (strcmp(name, wanted) == 0) {
                char *own = strndup(line, length), *files[128];
                size_t count = 0;
                for (char *file = strtok(own, ": "); file != NULL && count < 128; file = strtok(NULL, ": ")) files[count++] = file;
                while (count-- > 0) {
                    snprintf(path, sizeof path, "%s/%s", dir, files[count]);
                    if (load_file(path) < 0 && count == 0) return false;
                }
                return true;
            }
        }
        used += length + 1;
        line += length + 1;
    }
    return false;
}

/* modules.alias has `alias <pattern> <module>`. */
static bool load_by_alias(const char *dir, const char *wanted) {
    char path[512], line[512], pattern[256], module[128];
    bool found = false;
    snprintf(path, sizeof path, "%s/modules.alias", dir);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "alias %255s %127s", pattern, module) != 2) continue;
        to_module_name(pattern, pattern, strlen(pattern), sizeof pattern);
        if (fnmatch(pattern, wanted, 0) == 0 && load_with_needs(dir, module)) found = true;
    }
    if (file != NULL) fclose(file);
    return found;
}

/* `modprobe -q -- NAME`, as the kernel calls it. */
int run_modprobe(int argc, char **argv) {
    struct utsname about;
    char dir[128], wanted[256];
    if (argc < 2 || uname(&about) < 0) return 1;
    snprintf(dir, sizeof dir, "/lib/modules/%s", about.release);
    to_module_name(wanted, argv[argc - 1], strlen(argv[argc - 1]), sizeof wanted);
    return load_with_needs(dir, wanted) || load_by_alias(dir, wanted) ? 0 : 1;
}
