/* Another name and other ids for a machine that goes on as a copy. */
#include "agent.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *value_of(char *lines, const char *key) {
    size_t length = strlen(key);
    for (char *line = lines; *line != 0;) {
        char *end = strchrnul(line, '\n');
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            *end = 0;
            return line + length + 1;
        }
        line = *end == 0 ? end : end + 1;
    }
    return NULL;
}

bool read_identity(char *lines, struct identity *out) {
    const char *gateway = value_of(lines, "gateway"); /* the last line first: what is found is cut off from the rest */
    *out = (struct identity){.renewed = true, .hostname = value_of(lines, "hostname"), .gateway = gateway};
    return out->hostname != NULL && out->hostname[0] != 0 && strlen(out->hostname) <= 63 && (out->gateway == NULL || strlen(out->gateway) <= 45);
}

/* An ordinary file of the sandbox's own root, and no other name for it: never one of a file system that is somebody's
 * program, which would not answer. -1 when it is anything else. */
static int open_own(int root, const char *path, struct stat *about) {
    struct open_how how = {
        .flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    int fd = (int)syscall(SYS_openat2, root, path + 1, &how, sizeof how);
    if (fd < 0 || (fstat(fd, about) == 0 && S_ISREG(about->st_mode) && about->st_nlink == 1)) return fd;
    close(fd);
    return -1;
}

bool renew_identity(const struct agent *agent, const struct identity *identity) {
    static struct identity_file files[IDENTITY_FILES];
    size_t count = make_up_identity(identity, files);
    bool done = true;
    for (size_t i = 0; i < count && done; i++) {
        struct stat about;
        size_t length = strlen(files[i].text);
        int fd = open_own(agent->root, files[i].path, &about);
        if (fd < 0) return false;
        done = pwrite(fd, files[i].text, length, 0) == (ssize_t)length && ((size_t)about.st_size <= length || ftruncate(fd, (off_t)length) == 0);
        close(fd);
    }
    return done && give_name(identity) == 0;
}

void take_identity(pid_t sandbox, const struct identity *identity) {
    enter_sandbox(sandbox);
    umask(0);
    give_identity(identity);
}
