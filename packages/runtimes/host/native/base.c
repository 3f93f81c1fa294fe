#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int status_fd = 2;

static void report(const char *stage, const char *text, int error) {
    char line[1024];
    int length = error == 0 ? snprintf(line, sizeof line, "error\t%s\t%s\n", stage, text)
                            : snprintf(line, sizeof line, "error\t%s\t%s: %s\n", stage, text, strerror(error));
    if (length > (int)sizeof line - 1) length = sizeof line - 1;
    if (write(status_fd, line, (size_t)length) < 0 || status_fd != 2) {
        if (write(2, line, (size_t)length) < 0) return;
    }
}

void fail(const char *stage, const char *format, ...) {
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report(stage, text, 0);
    _exit(1);
}

void fail_errno(const char *stage, const char *format, ...) {
    int error = errno;
    char text[768];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    report(stage, text, error);
    _exit(1);
}

void await_exec(int from_child) {
    char text[1024];
    size_t used = 0;
    for (;;) {
        ssize_t got = read(from_child, text + used, sizeof text - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    if (used == 0) return;
    if (write(status_fd, text, used) < 0) _exit(2);
    _exit(1);
}

char *format_path(const char *format, ...) {
    char *text;
    va_list args;
    va_start(args, format);
    if (vasprintf(&text, format, args) < 0) fail("memory", "no memory");
    va_end(args);
    return text;
}

char *read_small_file(const char *path) {
    static char buffer[1 << 20]; /* a configuration of 500 layers and as many images */
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    size_t used = 0;
    for (;;) {
        ssize_t got = read(fd, buffer + used, sizeof buffer - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    close(fd);
    buffer[used] = 0;
    return buffer;
}

int write_file(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t wrote = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return wrote == (ssize_t)strlen(text) ? 0 : -1;
}

int replace_file(const char *path, const char *text) {
    char *draft = format_path("%s.tmp", path);
    int fd = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return -1;
    ssize_t wrote = write(fd, text, strlen(text));
    close(fd);
    int result = wrote == (ssize_t)strlen(text) ? rename(draft, path) : -1;
    free(draft);
    return result;
}

int lock_path(const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat about;
    if (fd < 0) return -1;
    while (flock(fd, LOCK_EX) < 0) {
        if (errno != EINTR) fail_errno("lock", "%s", path);
    }
    if (fstat(fd, &about) < 0 || about.st_nlink == 0) { /* removed while we waited */
        close(fd);
        errno = ENOENT;
        return -1;
    }
    return fd;
}

unsigned parse_number(const char *key, const char *value) {
    char *end;
    errno = 0;
    unsigned long parsed = strtoul(value, &end, 10);
    if (errno != 0 || *end != 0 || end == value || parsed > UINT32_MAX) fail("config", "%s is not a number: %s", key, value);
    return (unsigned)parsed;
}

void read_settings(const char *path, void (*set)(void *out, const char *key, const char *value), void *out) {
    char *text = read_small_file(path);
    if (text == NULL) fail_errno("config", "cannot read %s", path);
    text = strdup(text); /* values point into it for the life of the process */
    if (text == NULL) fail("memory", "no memory");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *equals = strchr(line, '=');
        if (equals == NULL) fail("config", "a line without '=': %s", line);
        *equals = 0;
        set(out, line, equals + 1);
    }
}

unsigned long long start_time_of(pid_t pid) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    char *text = read_small_file(path);
    if (text == NULL) return 0;
    char *field = strrchr(text, ')'); /* a name may hold blanks and brackets */
    if (field == NULL) return 0;
    field += 2;
    for (int at = 3; at < 22; at++) {
        field = strchr(field, ' ');
        if (field == NULL) return 0;
        field++;
    }
    return strtoull(field, NULL, 10);
}

void sleep_ms(unsigned ms) {
    struct timespec rest = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&rest, NULL);
}

uint64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int sys_open_tree(int dir, const char *path, unsigned flags) { return (int)syscall(SYS_open_tree, dir, path, flags); }
int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags) {
    return (int)syscall(SYS_move_mount, from, from_path, to, to_path, flags);
}
int sys_fsopen(const char *type, unsigned flags) { return (int)syscall(SYS_fsopen, type, flags); }
int sys_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux) {
    return (int)syscall(SYS_fsconfig, fs, command, key, value, aux);
}
int sys_fsmount(int fs, unsigned flags, unsigned attributes) { return (int)syscall(SYS_fsmount, fs, flags, attributes); }
int sys_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }
int sys_pidfd_signal(int pidfd, int signal) { return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0); }
