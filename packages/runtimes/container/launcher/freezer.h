#ifndef SANDLOT_LAUNCHER_FREEZER_H
#define SANDLOT_LAUNCHER_FREEZER_H
#include "common.h"

/* The machine's cgroup that freezes it: v2's, else v1's own. */
const char *freezer_of(const struct config *config);
void set_frozen(const char *freezer, bool frozen);
/* True once all is still; false when it is not within the time. */
bool await_frozen(const char *freezer, unsigned ms);
/* The processes in it, one per line, in memory of the caller's. */
char *processes_in(const char *freezer);
#endif
