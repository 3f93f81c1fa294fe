/* What the host can ask. Numbers are part of what sealed machines hold in memory: never reuse one. */
#ifndef SANDLOT_AGENT_H
#define SANDLOT_AGENT_H
#include "guest.h"
#include "frame.h"
#include "identity.h"

#define PROTOCOL 1

enum {
    ASK_HELLO = 1,    /* 16 bytes, which come back before the lines: says that this is the answer to this session */
    ASK_CLOCK = 2,    /* u64: nanoseconds since 1970 */
    ASK_ENTROPY = 3,  /* 32 to 256 bytes */
    ASK_IDENTITY = 4, /* lines: hostname, gateway */
    ASK_FREEZE = 5,
    ASK_THAW = 6,
    ASK_NETWORK = 7,  /* connections to the outside end */
    ASK_STATS = 8,
    ASK_OUTPUT = 9,   /* u64 from, u32 most; answered by u64 size and the bytes */
    ASK_SYNC = 10,
    ASK_PIDS = 11, /* u32: how many the sandbox may have */
};

struct answer {
    unsigned char bytes[MOST_TOLD];
    size_t length;
    bool failed;
};

/* Fills in the answer; whatever the request holds. */
void answer_to(const struct agent *agent, const struct frame *frame, const unsigned char *payload, struct answer *out);

/* 0, or -1 with errno set. */
int set_clock(const unsigned char *nanoseconds);
int add_entropy(int random, const unsigned char *bytes, size_t count);
/* What lines say of a new identity; its texts lie in them. @returns false when they say none */
bool read_identity(char *lines, struct identity *out);
/* Over the files of the old one where they lie. @returns false when one is not as we made it: nothing may be half done then,
 * but all of it is to be done by take_identity */
bool renew_identity(const struct agent *agent, const struct identity *identity);
/* In a process of its own. */
void take_identity(pid_t sandbox, const struct identity *identity);
size_t list_stats(char *out, size_t room);
size_t read_log(int log, const unsigned char *asked, unsigned char *out, size_t room);
size_t say_hello(const struct agent *agent, char *out, size_t room);
#endif
