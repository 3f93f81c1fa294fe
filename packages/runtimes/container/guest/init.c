/* PID 1 of a machine: starts envd, starts it again when it dies, reaps what is left to it, ends all on SIGTERM.
 * Static and without threads, so that it survives whatever the guest does to its own libraries. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ENVD "/usr/lib/sandlot/envd"
#define FIRST_REST_MS 20
#define LONGEST_REST_MS 2000
#define HEALTHY_AFTER_MS 10000 /* an envd that lived this long starts again at once */
#define GRACE_MS 2000          /* between SIGTERM and SIGKILL when the machine is told to end */

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void say(const char *text, int number) {
    char line[128];
    int length = snprintf(line, sizeof line, "init: %s %d\n", text, number);
    if (write(2, line, (size_t)length) < 0) return;
}

/* For a program that mostly waits, side by side with hundreds of its kind: optimizing compilers and helper threads of the
 * collector cost a start a third of its processor time and some megabytes, and gain nothing here. */
static const char *const engine[][2] = {
    {"BUN_JSC_useDFGJIT", "0"},
    {"BUN_JSC_thresholdForJITAfterWarmUp", "5000"},
    {"BUN_JSC_numberOfGCMarkers", "1"},
    {"BUN_JSC_useConcurrentGC", "0"},
    /* No looks at a heap in which nothing happens: envd collects when requests have ceased, the heap when it has grown. */
    {"BUN_GC_TIMER_DISABLE", "1"},
    {"BUN_JSC_collectionTimerMaxPercentCPU", "0.0001"},
    /* No threads that come for a moment's work and go ten seconds later. */
    {"BUN_JSC_useWarmUpMarkedBlocks", "0"},
};

static pid_t start_envd(const sigset_t *unblocked) {
    pid_t pid = fork();
    if (pid != 0) return pid;
    sigprocmask(SIG_SETMASK, unblocked, NULL);
    setsid();
    for (size_t i = 0; i < sizeof engine / sizeof *engine; i++) setenv(engine[i][0], engine[i][1], 1);
    execl(ENVD, "envd", "-isnotfc", (char *)NULL);
    say("cannot execute envd, errno", errno);
    _exit(127);
}

/* Reaps all that have died; true when `envd` was among them. */
static int reap(pid_t envd) {
    int status, found = 0;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != envd) continue;
        found = 1;
        say("envd ended, status", WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    }
    return found;
}

static void end_all(void) {
    kill(-1, SIGTERM);
    for (long long until = now_ms() + GRACE_MS; now_ms() < until;) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        if (pid < 0 && errno == ECHILD) return;
        if (pid == 0) nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    kill(-1, SIGKILL);
}

/* For the host's proof that it can seal memory: no envd, but an established connection that holds unread bytes. */
static int hold_connection(int pair[2]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 1) < 0) return -1;
    if (getsockname(listener, (struct sockaddr *)&at, &length) < 0) return -1;
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(pair[1], (struct sockaddr *)&at, sizeof at) < 0) return -1;
    pair[0] = accept(listener, NULL, NULL);
    close(listener);
    return pair[0] < 0 || write(pair[1], "be", 2) != 2 ? -1 : 0;
}

/* What it held before and what is said now must come in order. */
static int prove_connection(const sigset_t *awaited) {
    char got[6] = {0};
    int pair[2], heard = 0;
    if (hold_connection(pair) < 0) return 3;
    while (sigtimedwait(awaited, NULL, &(struct timespec){.tv_sec = 60}) != SIGTERM) continue;
    if (write(pair[1], "fore", 4) != 4) return 4;
    for (ssize_t more; heard < 6 && (more = read(pair[0], got + heard, (size_t)(6 - heard))) > 0;) heard += (int)more;
    return heard == 6 && memcmp(got, "before", 6) == 0 ? 0 : 5;
}

int main(int argc, char **argv) {
    sigset_t awaited, before;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    sigprocmask(SIG_BLOCK, &awaited, &before);
    if (chdir("/") < 0) return 1;
    if (argc == 2 && strcmp(argv[1], "hold-connection") == 0) return prove_connection(&awaited);
    pid_t envd = -1;
    long long started = 0, start_at = 0;
    int rest = FIRST_REST_MS;
    for (;;) {
        if (envd < 0 && now_ms() >= start_at) {
            started = now_ms();
            envd = start_envd(&before);
            if (envd < 0) start_at = started + rest; /* out of memory or pids: later */
        }
        struct timespec wait = {.tv_sec = 3600};
        if (envd < 0) {
            long long left = start_at - now_ms();
            if (left < 1) left = 1;
            wait = (struct timespec){.tv_sec = left / 1000, .tv_nsec = (left % 1000) * 1000000};
        }
        int got = sigtimedwait(&awaited, NULL, &wait);
        if (got == SIGTERM) {
            end_all();
            return 0;
        }
        if (!reap(envd)) continue;
        envd = -1;
        if (now_ms() - started > HEALTHY_AFTER_MS) rest = FIRST_REST_MS;
        start_at = now_ms() + rest;
        rest = rest * 2 > LONGEST_REST_MS ? LONGEST_REST_MS : rest * 2;
    }
}
