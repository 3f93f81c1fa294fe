#ifndef SANDLOT_LAUNCHER_NET_H
#define SANDLOT_LAUNCHER_NET_H
#include "common.h"

/* Makes the pair: config->host_link in the slot's namespace (up, with the gateway address), eth0 in `guest_netns`
 * (up, addressed, default route), and brings the guest's loopback up. Without a slot only the last. */
void plug_in(const struct config *config, int guest_netns);
/* Removes the host end (and so the pair). Fine when it, or the slot, is gone. */
void unplug(const struct config *config);
#endif
