#ifndef SANDLOT_LAUNCHER_RESTORE_H
#define SANDLOT_LAUNCHER_RESTORE_H
#include "common.h"

/* Brings the machine's processes back from `restore_dir`, as a child of this one. `lock` is let go of as soon as the
 * machine can be ended by its cgroups. Returns its init. `disk` gets an open directory of its writable disk. */
pid_t restore_guest(const struct config *config, int lock, int *disk);
int run_restore_hook(const char *action);
#endif
