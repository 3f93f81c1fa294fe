/* Loaded into QEMU before its own libraries. QEMU up to 8 opens the file of a guest's memory for writing, also when it
 * maps it privately and never writes a byte of it; the file serves many machines and must not be theirs to change. */
#define _GNU_SOURCE
#undef _FORTIFY_SOURCE
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_or_lend(const char *path, int flags, int mode) {
    if (strcmp(path, "/m/memory") == 0) flags = (flags & ~(O_ACCMODE | O_CREAT)) | O_RDONLY;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_or_lend(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    int mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(rest, int) : 0;
    va_end(rest);
    return open_or_lend(path, flags | O_LARGEFILE, mode);
}

/* What `open` is called where a program was compiled with checks and its flags are not known before. */
int __open_2(const char *path, int flags) { return open_or_lend(path, flags, 0); }
int __open64_2(const char *path, int flags) { return open_or_lend(path, flags | O_LARGEFILE, 0); }
