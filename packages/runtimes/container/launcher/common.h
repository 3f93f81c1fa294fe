/* The configuration that all parts of the launcher read. */
#ifndef SANDLOT_LAUNCHER_COMMON_H
#define SANDLOT_LAUNCHER_COMMON_H

#include "base.h"

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

void read_config(const char *path, struct config *out);

#endif
