/* Shared by all launchers: errors that name their stage, small file helpers, bare system calls. */
#ifndef SANDLOT_NATIVE_BASE_H
#define SANDLOT_NATIVE_BASE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where failures are reported: one line `error<TAB>stage<TAB>text`. */
extern int status_fd;

void fail(const char *stage, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* As fail(), with the text of errno appended. */
void fail_errno(const char *stage, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* Waits for a child to become its program: end of file when it has; what it says instead is reported, and ends this process. */
void await_exec(int from_child);

/* Calls `set` for each `key=value` line of a file; the values live as long as the process. */
void read_settings(const char *path, void (*set)(void *out, const char *key, const char *value), void *out);
unsigned parse_number(const char *key, const char *value);
char *format_path(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Whole file as a terminated string in a static buffer of 1 MiB, or NULL. */
char *read_small_file(const char *path);
/* 0, or -1 with errno set. Never creates. */
int write_file(const char *path, const char *text);
/* Atomically replaces `path`: a reader sees all of it or none. */
int replace_file(const char *path, const char *text);
/* Opens `path` and waits until no other launcher works on it; held until the process ends or closes it. -1 when it is
 * gone. A helper may outlive the node that started it: its successor must not clean up below it. */
int lock_path(const char *path);
/* Start time of a process in clock ticks since boot, 0 when there is none: with the pid it names a process for good. */
unsigned long long start_time_of(pid_t pid);
void sleep_ms(unsigned ms);
uint64_t monotonic_ms(void);

int sys_open_tree(int dir, const char *path, unsigned flags);
int sys_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int sys_fsopen(const char *type, unsigned flags);
int sys_fsconfig(int fs, unsigned command, const char *key, const void *value, int aux);
int sys_fsmount(int fs, unsigned flags, unsigned attributes);
int sys_pidfd_open(pid_t pid);
int sys_pidfd_signal(int pidfd, int signal);

#endif
