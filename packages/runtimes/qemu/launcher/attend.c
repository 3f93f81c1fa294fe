#include "attend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* What lies in a machine's directory for those who look for a reason; the rest is read and dropped, so that nobody waits. */
#define LOG_BYTES (256 * 1024)

/* A guest has a few lines to say. One that goes on after this much, or after its logs are full, is listened to in turns:
   its writing waits, and the time of this process, which no limit of the machine's holds, is not for it to spend. */
#define NOTICE_BYTES (64 * 1024)
static const struct timespec between_turns = {.tv_nsec = 5 * 1000 * 1000};

struct log {
    int from;
    int file;
    size_t room;
};

struct state {
    const struct config *config;
    pid_t vmm;
    bool told;           /* the starter has been answered */
    bool has_exit;       /* the guest's init has said how it ended */
    int exit_code;
    unsigned oom_kills;
    size_t heard; /* bytes of notices */
    char line[256];
    size_t length;
    struct log console, log;
};

static void open_log(struct log *log, const char *dir, const char *name, int from) {
    char *path = format_path("%s/%s", dir, name);
    log->from = from;
    log->room = LOG_BYTES;
    log->file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log->file < 0) fail_errno("journal", "%s", path);
    free(path);
}

/* False when nothing more will come. */
static bool pump(struct log *log) {
    char bytes[16384];
    ssize_t got = read(log->from, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    size_t keep = (size_t)got < log->room ? (size_t)got : log->room;
    if (keep > 0 && write(log->file, bytes, keep) == (ssize_t)keep) log->room -= keep;
    return true;
}

static void drain(struct log *log) {
    fcntl(log->from, F_SETFL, O_NONBLOCK);
    for (int rounds = 0; rounds < 64; rounds++) {
        struct pollfd watched = {.fd = log->from, .events = POLLIN};
        if (poll(&watched, 1, 0) != 1 || !pump(log)) return;
    }
}

static void tell_ready(struct state *state) {
    if (state->told) return;
    state->told = true;
    char line[32];
    int length = snprintf(line, sizeof line, "ready\t%d\n", state->vmm);
    /* A starter that died meanwhile is no reason to leave the machine without a parent: its successor will find it. */
    if (write(status_fd, line, (size_t)length) != length) dprintf(2, "the starter is gone\n");
    close(status_fd);
    status_fd = 2;
}

/* Words of a stranger: only what is expected is taken, and once. */
static void hear(struct state *state) {
    unsigned code = 0, kills = 0;
    if (strcmp(state->line, "ready") == 0) tell_ready(state);
    else if (!state->has_exit && sscanf(state->line, "exit %u %u", &code, &kills) >= 1) {
        state->has_exit = true;
        state->exit_code = (int)(code & 0xff);
        state->oom_kills = kills;
        kill(state->vmm, SIGKILL); /* its disk is thrown away: nothing to write any more */
    } else if (strncmp(state->line, "failed ", 7) == 0 && !state->told) {
        kill(state->vmm, SIGKILL);
        fail("guest", "%s", state->line + 7);
    }
}

static bool hear_some(struct state *state, int from) {
    char bytes[4096];
    ssize_t got = read(from, bytes, sizeof bytes);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) return true;
    if (got <= 0) return false;
    state->heard += (size_t)got;
    for (ssize_t i = 0; i < got; i++) {
        if (bytes[i] == '\n') {
            state->line[state->length] = 0;
            hear(state);
            state->length = 0;
        } else if (state->length < sizeof state->line - 1 && bytes[i] >= ' ' && bytes[i] < 127) {
            state->line[state->length++] = bytes[i];
        }
    }
    return true;
}

/* The end of a log as one line, for the starter. */
static char *last_words(const struct config *config, const char *name) {
    char *path = format_path("%s/%s", config->machine_dir, name);
    char *text = read_small_file(path);
    free(path);
    if (text == NULL) return strdup("");
    size_t length = strlen(text);
    char *from = text + (length > 400 ? length - 400 : 0);
    for (char *at = from; *at != 0; at++) {
        if (*at < ' ' || *at >= 127) *at = ' ';
    }
    return strdup(from);
}

static void conclude(struct state *state, int status, bool killed_by_us) {
    drain(&state->log);
    drain(&state->console);
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (state->has_exit) code = state->exit_code;
    char text[96];
    snprintf(text, sizeof text, "{\"exitCode\":%d,\"oomKills\":%u}\n", code, state->oom_kills);
    char *path = format_path("%s/exit.json", state->config->machine_dir);
    replace_file(path, text);
    if (state->told) return;
    char *said = last_words(state->config, "vmm.log"), *seen = last_words(state->config, "console.log");
    fail("vmm", "it ended with %d before the guest was ready%s: %s %s", code, killed_by_us ? ", told to" : "", said, seen);
}

void attend(const struct config *config, pid_t vmm, struct ends ends) {
    struct state state = {.config = config, .vmm = vmm};
    open_log(&state.console, config->machine_dir, "console.log", ends.console);
    open_log(&state.log, config->machine_dir, "vmm.log", ends.log);
    if (!config->await_notice) tell_ready(&state);
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    int signals = signalfd(-1, &awaited, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0) fail_errno("start", "signalfd");
    struct pollfd watched[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = ends.notice, .events = POLLIN},
        {.fd = ends.console, .events = POLLIN},
        {.fd = ends.log, .events = POLLIN},
    };
    bool told_to_end = false;
    int status = 0;
    for (;;) {
        if (waitpid(vmm, &status, WNOHANG) == vmm) break;
        if (poll(watched, 4, -1) < 0 && errno != EINTR) fail_errno("attend", "poll");
        struct signalfd_siginfo signal;
        while (read(signals, &signal, sizeof signal) == sizeof signal) {
            if (signal.ssi_signo != SIGTERM) continue;
            told_to_end = true;
            kill(vmm, SIGKILL);
        }
        if (watched[1].revents != 0 && !hear_some(&state, ends.notice)) watched[1].fd = -1;
        if (watched[2].revents != 0 && !pump(&state.console)) watched[2].fd = -1;
        if (watched[3].revents != 0 && !pump(&state.log)) watched[3].fd = -1;
        if (state.heard > NOTICE_BYTES || state.console.room == 0 || state.log.room == 0) nanosleep(&between_turns, NULL);
    }
    conclude(&state, status, told_to_end);
}
