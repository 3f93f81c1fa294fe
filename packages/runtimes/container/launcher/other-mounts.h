/* Copies of the host's mounts that other programs hold. */
#ifndef SANDLOT_LAUNCHER_OTHER_MOUNTS_H
#define SANDLOT_LAUNCHER_OTHER_MOUNTS_H

/* Unmounts what lies at `at` in all mount namespaces of the host's own users but this one. Machines' are left alone. */
void unmount_elsewhere(const char *at);
#endif
