#include "frame.h"

#include <string.h>

static uint32_t crc(uint32_t sum, const unsigned char *bytes, size_t count) {
    static uint32_t table[256];
    if (table[1] == 0) {
        for (uint32_t i = 0; i < 256; i++) {
            uint32_t value = i;
            for (int bit = 0; bit < 8; bit++) value = (value >> 1) ^ ((value & 1) != 0 ? 0xedb88320u : 0);
            table[i] = value;
        }
    }
    while (count-- > 0) sum = table[(sum ^ *bytes++) & 0xff] ^ (sum >> 8);
    return sum;
}

uint32_t sum_of(const struct frame *frame, const void *payload) {
    struct frame bare = *frame;
    bare.sum = 0;
    return ~crc(crc(~0u, (const unsigned char *)&bare, sizeof bare), payload, frame->length);
}

static void drop(struct line *line, size_t count) {
    line->used -= count;
    memmove(line->bytes, line->bytes + count, line->used);
}

/* To the next byte that may begin a frame. */
static void skip(struct line *line) {
    size_t at = 1;
    while (at < line->used && line->bytes[at] != (FRAME_MARK & 0xff)) at++;
    drop(line, at);
}

bool next_frame(struct line *line, struct frame *out, unsigned char *payload) {
    while (line->used >= sizeof *out) {
        memcpy(out, line->bytes, sizeof *out);
        if (out->mark != FRAME_MARK || out->length > MOST_ASKED) {
            skip(line);
            continue;
        }
        if (line->used < sizeof *out + out->length) return false;
        memcpy(payload, line->bytes + sizeof *out, out->length);
        if (sum_of(out, payload) != out->sum) {
            skip(line);
            continue;
        }
        drop(line, sizeof *out + out->length);
        return true;
    }
    return false;
}
