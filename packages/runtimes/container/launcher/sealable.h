#ifndef SANDLOT_LAUNCHER_SEALABLE_H
#define SANDLOT_LAUNCHER_SEALABLE_H
#include "common.h"

/* Sees to it that nothing in a frozen machine would make CRIU hang or fail late. May let it run for some milliseconds.
 * Fails with the stage `unsealable` and a reason for the machine's owner. */
void make_sealable(const struct config *config, const char *freezer, pid_t init);

/* Lets a frozen machine go on for a moment. */
void let_run(const char *freezer, unsigned ms);
#endif
