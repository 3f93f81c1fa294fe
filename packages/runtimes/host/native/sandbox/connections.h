#pragma once

/* What the kernel is asked through, of the current network namespace. @returns -1 with errno set when it cannot be asked */
int open_connections(void);
/* Resets every TCP connection whose other end is not this machine itself. */
void end_outside_connections(int line);
