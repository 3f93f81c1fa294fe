#ifndef SANDLOT_LAUNCHER_LXCFS_H
#define SANDLOT_LAUNCHER_LXCFS_H
#include "common.h"

#define LXCFS_FILES 6u
/* Their names below /proc. */
extern const char *const lxcfs_files[LXCFS_FILES];

/* lxcfs shows a machine its own memory and processors. The one thing of the host that stays in sight. Its directory may lie
 * below others that only the host's root may pass, so its files are taken before a process gives up its ids. */
void take_lxcfs(const char *lxcfs, int trees[LXCFS_FILES]);
/* Shows what was taken in the /proc of the mount namespace that this process is in. */
void bind_lxcfs(const int trees[LXCFS_FILES]);
/* As `renew_lxcfs`, with files that were taken already. */
void replace_lxcfs(const int trees[LXCFS_FILES], pid_t init);
/* For a machine that was made before lxcfs came back: what it shows of the old one answers nothing any more. */
void renew_lxcfs(const char *lxcfs, pid_t init);

#endif
