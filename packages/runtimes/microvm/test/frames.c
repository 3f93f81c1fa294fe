/* Feeds the guest's frame reader what comes in, in pieces of changing size, and prints what it takes for frames. */
#include "../guest/frame.h"

#include <stdio.h>
#include <unistd.h>

int main(void) {
    static struct line line;
    static unsigned char payload[MOST_ASKED];
    struct frame found;
    unsigned step = 1;
    for (;;) {
        size_t room = sizeof line.bytes - line.used;
        step = (step * 7 + 3) % 4099;
        ssize_t got = read(0, line.bytes + line.used, step + 1 < room ? step + 1 : room);
        if (got <= 0) return 0;
        line.used += (size_t)got;
        while (next_frame(&line, &found, payload)) printf("%u %u %u\n", found.id, found.what, found.length);
        if (line.used == sizeof line.bytes) return 1; /* stuck: nothing more would fit */
    }
}
