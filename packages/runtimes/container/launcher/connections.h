#pragma once

/* In the current network namespace: resets every TCP connection whose other end is not this machine itself. */
void end_outside_connections(void);
