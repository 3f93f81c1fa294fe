#ifndef SANDLOT_VMM_JAIL_H
#define SANDLOT_VMM_JAIL_H
#include "config.h"

/* Descriptors of the launcher's that the VMM gets, in the order of the enum from TAP_FD on; -1 for none. */
struct handed {
    int fixed[FIXED_END - TAP_FD];
    int files[MAX_FILES];
    int log; /* its standard output and error */
};

/* Becomes the VMM: own mounts, own id, no capability. Waits for a byte of `go` before it runs. */
void become_vmm(const struct config *config, const struct handed *handed, int go) __attribute__((noreturn));

#endif
