#ifndef SANDLOT_LAUNCHER_IDENTITY_H
#define SANDLOT_LAUNCHER_IDENTITY_H
#include "common.h"

#define MACHINE_STATE "/run/sandlot" /* our own files inside */

void need_dir(const char *path, mode_t mode);
/* Machine id, boot id, host name and the files that tell of them, for a process that stands inside as its root. */
void give_identity(const struct config *config);
/* Where programs read the boot id, which is one of our files shown there. */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* Shows the boot id from a file that exists again, for a process that stands inside as its root: a mount of a file that was
 * removed with its directory cannot be restored. */
void renew_boot_id(const struct config *config);
/* Settings of the machine's own network namespace, which the caller must be in. */
void set_own_sysctls(void);
#endif
