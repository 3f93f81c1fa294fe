/* Messages on the line to the host. A line that was cut in the middle, by either side at any byte, is found again: by a
 * mark, a bounded length and a checksum, tried at every byte. */
#ifndef SANDLOT_FRAME_H
#define SANDLOT_FRAME_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MARK 0x31414c53u /* "SLA1" */
#define MOST_ASKED 4096        /* bytes that come with a request */
#define MOST_TOLD 65536        /* bytes that go with an answer */

/* As on the line: little-endian, then `length` bytes. `sum` is the CRC-32 of the header with a sum of 0, and of these. */
struct frame {
    uint32_t mark;
    uint32_t id; /* the host's; an answer has its request's */
    uint16_t what;
    uint16_t failed; /* of an answer: the bytes say why */
    uint32_t length;
    uint32_t sum;
};

struct line {
    unsigned char bytes[sizeof(struct frame) + MOST_ASKED];
    size_t used;
};

/* Takes the first whole request out of the line, throwing away what is none. `payload` must hold MOST_ASKED. */
bool next_frame(struct line *line, struct frame *out, unsigned char *payload);
uint32_t sum_of(const struct frame *frame, const void *payload);
#endif
