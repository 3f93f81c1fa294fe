/* The machine's oldest timer counts from power-on until it is told otherwise, and a kernel that has better ones does not
 * tell it: a hypervisor in software then wakes 36 times a second for nobody. */
#include "guest.h"

#include <string.h>
#include <sys/io.h>

#define CLOCK "/sys/devices/system/clockevents/clockevent0/current_device"
#define CONTROL 0x43
#define CHANNEL_0 0x40
#define STOP 0x30 /* of channel 0: one interrupt when the count is out, and none after */

void stop_unused_timer(void) {
    char *clock = read_small_file(CLOCK);
    if (clock == NULL || strncmp(clock, "lapic", 5) != 0) return;
    /* Refused where the kernel lets nobody near its ports: then it goes on counting. */
    if (ioperm(CHANNEL_0, CONTROL - CHANNEL_0 + 1, 1) < 0) return;
    outb(STOP, CONTROL);
    outb(0, CHANNEL_0);
    outb(0, CHANNEL_0);
}
