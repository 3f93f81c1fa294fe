#ifndef SANDLOT_VMM_LAUNCH_H
#define SANDLOT_VMM_LAUNCH_H

/* Starts a machine's VMM and stays as its parent. */
int launch(const char *config_path);
/* Ends a machine in whatever state it is and removes its cgroups and link. Idempotent. */
int end_machine(const char *config_path);

#endif
