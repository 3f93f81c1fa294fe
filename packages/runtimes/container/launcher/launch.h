#ifndef SANDLOT_LAUNCHER_LAUNCH_H
#define SANDLOT_LAUNCHER_LAUNCH_H
#include "common.h"

/* Starts the machine, says `ready<TAB>pid` on standard output, stays as its parent, and writes `exit.json` at its end. */
int launch(const char *config_path);
/* Ends a machine in whatever state it is, its launcher alive or not, and gives back all it had outside its directory. */
int end_machine(const char *config_path);
#endif
