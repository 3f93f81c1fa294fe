/* Shared by all parts of the launcher: configuration, errors that name their stage, small file helpers. */
#ifndef SANDLOT_LAUNCHER_COMMON_H
#define SANDLOT_LAUNCHER_COMMON_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_LOWERS 500 /* the kernel's own limit for overlayfs */
#define MAX_CGROUPS 16
#define MAX_RESTORE_FILES 4096
#define ID_RANGE 65536u

/* What `launch` and `end` are told, one `key=value` per line; see README.md for the keys. */
struct config {
    const char *machine_dir;
    const char *upper_dir;
    const char *hostname;
    const char *netns;
    const char *host_link;
    const char *guest_cidr;
    const char *guest_gateway;
    const char *lxcfs;
    const char *launcher_cgroup;
    const char *cgroup2;       /* the machine's directory of the v2 hierarchy: it is born there */
    const char *shared_cgroup; /* of all machines: holds the device rules where there is no v2 */
    const char *restore_dir;   /* CRIU's images for a machine that goes on from sealed memory; absent for a fresh one */
    const char *init_argument; /* for init; absent in any machine but a probe's */
    const char *criu;          /* the program, and where what it learns of the kernel is kept between its runs */
    const char *criu_cache;
    const char *lowers[MAX_LOWERS];
    const char *cgroups[MAX_CGROUPS];
    const char *restore_files[MAX_RESTORE_FILES]; /* the large images, used where they lie */
    size_t restore_file_count;
    size_t lower_count;
    size_t cgroup_count;
    unsigned id_base;
    unsigned mtu;
    unsigned memory_mib;
    bool force_overlay_paths;
    bool new_identity; /* of a restored machine: another one's memory, its own name */
};

/* Where failures are reported: one line `error<TAB>stage<TAB>text`. */
extern int status_fd;

void fail(const char *stage, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));
/* As fail(), with the text of errno appended. */
void fail_errno(const char *stage, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

void read_config(const char *path, struct config *out);
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
