#ifndef SANDLOT_LAUNCHER_PRIVATE_MOUNTS_H
#define SANDLOT_LAUNCHER_PRIVATE_MOUNTS_H
#include "common.h"

/* The launcher itself, by a name without blanks: what CRIU runs as its action script. */
#define CRIU_HOOK "/run/criu-hook"

/* Where the slot's network namespace and lxcfs are seen there, if the machine has them: they may lie below /run. */
#define PRIVATE_SLOT "/run/slot"
#define PRIVATE_LXCFS "/run/lxcfs"

/* Gives this process mounts of its own, which follow the host's and go with it: /run is an empty tmpfs with what CRIU
 * learned of the kernel in an earlier run, and nothing of other machines is held. `target` is what will be written to; NULL when that lies in the machine's directory. */
void enter_private_mounts(const struct config *config, const char *criu_cache, const char *target);
/* Keeps what CRIU has learned for the next run. Fine when it learned nothing new. */
void keep_criu_cache(const char *criu_cache);
#endif
