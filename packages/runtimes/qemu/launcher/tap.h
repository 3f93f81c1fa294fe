#ifndef SANDLOT_VMM_TAP_H
#define SANDLOT_VMM_TAP_H
#include "config.h"

/* Makes the machine's link in its slot and returns its descriptor; the link goes when the last holder of it has ended. */
int make_tap(const struct config *config);

#endif
