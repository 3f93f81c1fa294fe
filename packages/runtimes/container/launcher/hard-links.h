#ifndef SANDLOT_LAUNCHER_HARD_LINKS_H
#define SANDLOT_LAUNCHER_HARD_LINKS_H
#include "common.h"

/* A file of an older layer that has several names and was changed through one of them: the overlay shows the change under
 * all, but notes the others only in its index, which is no part of the layer. This gives the upper all of the names.
 * `disk` shows the upper's file system, `init` leads to the machine's own view. */
void link_up_names(const char *disk, pid_t init);
#endif
