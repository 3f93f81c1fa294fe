#ifndef SANDLOT_VMM_ATTEND_H
#define SANDLOT_VMM_ATTEND_H
#include "config.h"

/* The launcher's ends of what the VMM holds. */
struct ends {
    int notice;  /* lines of the guest's init */
    int console; /* the guest's serial line */
    int log;     /* what the VMM says */
};

/* Stays until the VMM has ended and has written down how: exit.json. Says `ready` on `status_fd` when the time has come. */
void attend(const struct config *config, pid_t vmm, struct ends ends);

#endif
