/* What `launch` and `end` are told, one `key=value` per line; see README.md for the keys. */
#ifndef SANDLOT_VMM_CONFIG_H
#define SANDLOT_VMM_CONFIG_H
#include "base.h"

#define MAX_ARGS 1024
#define MAX_FILES 384
#define MAX_CGROUPS 16

/* Descriptors that the VMM finds open, whatever machine it runs; files follow from FIRST_FILE on. As in src/descriptors.ts. */
enum { TAP_FD = 10, QMP_FD, AGENT_FD, NOTICE_FD, CONSOLE_FD, RESTORE_FD, FIXED_END, FIRST_FILE = 20 };

struct file {
    const char *path;
    const char *name; /* of a bind: below /m; NULL for one that is opened */
    bool writable;
};

struct config {
    const char *machine_dir;
    const char *tree;    /* all of the host's files that the VMM sees */
    const char *restore_state; /* a seal's device state; absent for a boot */
    const char *preload; /* a library in the tree; may be absent */
    const char *netns;   /* the slot's; absent for a machine without network */
    const char *host_link;
    const char *host_cidr;
    const char *host_mac;
    const char *guest_address;
    const char *guest_mac;
    const char *launcher_cgroup;
    const char *cgroup2;       /* the machine's directory of the v2 hierarchy: the VMM is born there */
    const char *shared_cgroup; /* of all machines: holds the device rules where there is no v2 */
    const char *cgroups[MAX_CGROUPS];
    char *args[MAX_ARGS + 1]; /* program first, as a path in the tree */
    struct file opens[MAX_FILES], binds[MAX_FILES];
    size_t cgroup_count, arg_count, open_count, bind_count;
    unsigned uid;
    unsigned mtu;
    unsigned file_mib;  /* no file may become larger by the VMM's writing */
    unsigned state_kib; /* of /m/state, which the VMM may write; none for 0 */
    bool kvm;           /* it sees /dev/kvm */
    bool await_notice;  /* ready only when the guest says so; otherwise when the VMM runs */
};

void read_config(const char *path, struct config *out);

#endif
