#ifndef SANDLOT_LAUNCHER_SEAL_H
#define SANDLOT_LAUNCHER_SEAL_H
#include "common.h"

struct seal_request {
    const char *config_path; /* the machine's own */
    const char *directory;   /* gets disk.erofs, and memory/ when `criu` is given */
    const char *criu;
    const char *criu_cache;
    unsigned seconds;        /* for all of it */
};

/* Writes a frozen machine's disk, and its memory, into the directory. The machine stays frozen, whatever comes of it. */
int seal_machine(const struct seal_request *request);
/* What CRIU calls as its action script, in the middle of a dump or a restore. */
int run_criu_hook(const char *action);
/* The arguments that a dump and a restore have in common. Returns how many there are now. */
size_t add_common_arguments(const char **arguments, size_t count);
#endif
