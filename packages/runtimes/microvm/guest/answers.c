/* Each request is checked for its size. What touches file systems of the sandbox's is done by a child of its own, so that
 * it can neither hold nor end the agent: one that the sandbox serves itself may never answer while it is frozen. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connections.h"

#define CHILD_MS 5000

static void put_text(struct answer *out, const char *text) {
    out->length = strlen(text);
    memcpy(out->bytes, text, out->length);
}

static void refuse(struct answer *out, const char *why) {
    out->failed = true;
    put_text(out, why);
}

/* Until it has ended and all it has said is here, or its time is over. */
static void await_child(pid_t child, int said, struct answer *out) {
    uint64_t until = monotonic_ms() + CHILD_MS;
    char text[900];
    size_t used = 0;
    for (;;) {
        uint64_t now = monotonic_ms();
        struct pollfd wait = {.fd = said, .events = POLLIN};
        if (now >= until || poll(&wait, 1, (int)(until - now)) == 0) {
            kill(child, SIGKILL);
            refuse(out, "it took too long");
            return; /* it is reaped when it ends: a device may hold it */
        }
        ssize_t got = read(said, text + used, sizeof text - 1 - used);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        used += (size_t)got;
    }
    text[used] = 0;
    int status = 0;
    waitpid(child, &status, 0);
    if (status == 0) return;
    for (char *at = text; *at != 0; at++)
        if (*at == '\t' || *at == '\n') *at = ' ';
    refuse(out, strncmp(text, "error ", 6) == 0 ? text + 6 : "it ended without a word");
}

/* @param identity NULL: all file systems are brought to their disks */
static void in_child(const struct agent *agent, const struct identity *identity, struct answer *out) {
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC) < 0) {
        refuse(out, "no pipe");
        return;
    }
    pid_t child = fork();
    if (child == 0) {
        status_fd = pipes[1];
        if (identity == NULL) sync();
        else take_identity(agent->sandbox, identity);
        _exit(0);
    }
    close(pipes[1]);
    if (child < 0) refuse(out, "no process");
    else await_child(child, pipes[0], out);
    close(pipes[0]);
}

static bool is_sized(const struct frame *frame) {
    switch (frame->what) {
    case ASK_HELLO: return frame->length == 16;
    case ASK_CLOCK: return frame->length == 8;
    case ASK_ENTROPY: return frame->length >= 32 && frame->length <= 256;
    case ASK_IDENTITY: return frame->length <= 1024;
    case ASK_OUTPUT: return frame->length == 12;
    case ASK_PIDS: return frame->length == 4;
    default: return frame->length == 0;
    }
}

void answer_to(const struct agent *agent, const struct frame *frame, const unsigned char *payload, struct answer *out) {
    out->length = 0;
    out->failed = false;
    if (frame->what < ASK_HELLO || frame->what > ASK_PIDS) {
        refuse(out, "unknown");
        return;
    }
    if (!is_sized(frame)) {
        refuse(out, "a request of another size");
        return;
    }
    bool needs_sandbox = frame->what == ASK_IDENTITY || frame->what == ASK_FREEZE || frame->what == ASK_THAW || frame->what == ASK_PIDS;
    if (needs_sandbox && agent->sandbox == 0) return; /* nothing is there that could run */
    char *text = (char *)out->bytes;
    switch (frame->what) {
    case ASK_HELLO:
        memcpy(text, payload, 16);
        out->length = 16 + say_hello(agent, text + 16, MOST_TOLD - 16);
        return;
    case ASK_FREEZE:
    case ASK_THAW:
        if (freeze_sandbox(frame->what == ASK_FREEZE) < 0) refuse(out, strerror(errno));
        return;
    case ASK_PIDS: {
        uint32_t most;
        memcpy(&most, payload, sizeof most);
        if (limit_pids(most) < 0) refuse(out, strerror(errno));
        return;
    }
    case ASK_CLOCK:
        if (set_clock(payload) < 0) refuse(out, strerror(errno));
        return;
    case ASK_ENTROPY:
        if (add_entropy(agent->random, payload, frame->length) < 0) refuse(out, strerror(errno));
        return;
    case ASK_IDENTITY: {
        static char lines[MOST_ASKED + 1];
        struct identity identity;
        memcpy(lines, payload, frame->length);
        lines[frame->length] = 0;
        if (!read_identity(lines, &identity)) refuse(out, "no host name, or a long one");
        else if (!renew_identity(agent, &identity)) in_child(agent, &identity, out);
        return;
    }
    case ASK_NETWORK: end_outside_connections(agent->connections); return;
    case ASK_STATS: out->length = list_stats(text, MOST_TOLD); return;
    case ASK_OUTPUT: out->length = read_log(agent->log, payload, out->bytes, MOST_TOLD); return;
    default: in_child(agent, NULL, out);
    }
}
