#ifndef SANDLOT_LAUNCHER_GUEST_H
#define SANDLOT_LAUNCHER_GUEST_H
#include "common.h"

/* The new process' way from clone to PID 1 of the machine. Waits on `from_host` for its root; never returns. */
void become_guest(const struct config *config, int from_host) __attribute__((noreturn));
/* Installs the system call filter for all that follows. */
void install_filter(void);
#endif
