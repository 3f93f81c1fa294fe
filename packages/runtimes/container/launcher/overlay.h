#ifndef SANDLOT_LAUNCHER_OVERLAY_H
#define SANDLOT_LAUNCHER_OVERLAY_H
#include "common.h"

/* The machine's root as a detached mount: every layer and the upper idmapped by `userns`, made by the host's root so
 * that device nodes below it work inside. */
int make_root(const struct config *config, int userns);
/* A detached copy of one mount, directory or file, showing on-disk ids 0… as the machine's own range. */
int idmapped_clone(const char *path, int userns);
/* Sends or takes one descriptor over a socket pair. */
void send_fd(int socket, int fd);
int receive_fd(int socket);
#endif
