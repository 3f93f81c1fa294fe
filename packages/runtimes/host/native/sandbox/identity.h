#ifndef SANDLOT_LAUNCHER_IDENTITY_H
#define SANDLOT_LAUNCHER_IDENTITY_H
#include "base.h"

/* Who a machine is to itself. */
struct identity {
    const char *hostname; /* NULL: `sandbox` */
    const char *gateway;  /* which is its resolver too; NULL: it keeps its own */
    bool renewed;         /* of a machine that has run: another one's memory, its own name */
};

#define MACHINE_STATE "/run/sandlot" /* our own files inside */

void need_dir(const char *path, mode_t mode);
/* A file that tells of an identity, as it is to be. */
struct identity_file {
    const char *path;
    mode_t mode;
    char text[512];
};
#define IDENTITY_FILES 5
/* Makes up a new machine id and boot id. @returns how many files there are */
size_t make_up_identity(const struct identity *identity, struct identity_file out[IDENTITY_FILES]);
int give_name(const struct identity *identity);
/* Machine id, boot id, host name and the files that tell of them, for a process that stands inside as its root. */
void give_identity(const struct identity *identity);
/* Where programs read the boot id, which is one of our files shown there. */
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
/* Shows the boot id from a file that exists again, for a process that stands inside as its root: a mount of a file that was
 * removed with its directory cannot be restored. */
void renew_boot_id(bool renewed);
/* Settings of the machine's own network namespace, which the caller must be in. */
void set_own_sysctls(void);
#endif
