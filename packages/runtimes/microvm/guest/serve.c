/* One line to the host, one request at a time. Whatever comes, and however often the line is cut, the agent stays: asleep
 * while nobody is there, which a closed port alone would not be (it is readable for ever). */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOSED_MS 1000 /* the port's signal wakes us before; this is for one that got lost */
#define TELL_MS 2000   /* how long the host may leave an answer unread until it is dropped */
#define OPENING_MS 200 /* how long a port may look closed after a request has come: that it was opened anew is told by another queue than its bytes */

static struct line line;
static struct answer answer;

/* All of it or, when the host does not read, none that matters: it will find the mark again. */
static void tell(int fd, const void *bytes, size_t count) {
    const unsigned char *at = bytes;
    uint64_t began = monotonic_ms();
    while (count > 0) {
        ssize_t wrote = write(fd, at, count > 4096 ? 4096 : count);
        if (wrote > 0) {
            at += wrote;
            count -= (size_t)wrote;
            continue;
        }
        if (wrote < 0 && errno == EINTR) continue;
        uint64_t waited = monotonic_ms() - began;
        if ((wrote < 0 && errno != EAGAIN) || waited > TELL_MS) return;
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        poll(&wait, 1, 20);
        if ((wait.revents & POLLHUP) == 0) continue;
        if (waited > OPENING_MS) return;
        sleep_ms(1);
    }
}

static void work_off(int fd, const struct agent *agent) {
    static unsigned char whole[sizeof(struct frame) + MOST_TOLD];
    static unsigned char payload[MOST_ASKED];
    struct frame asked;
    while (next_frame(&line, &asked, payload)) {
        answer_to(agent, &asked, payload, &answer);
        struct frame head = {.mark = FRAME_MARK, .id = asked.id, .what = asked.what, .failed = answer.failed, .length = (uint32_t)answer.length};
        head.sum = sum_of(&head, answer.bytes);
        memcpy(whole, &head, sizeof head);
        memcpy(whole + sizeof head, answer.bytes, answer.length);
        tell(fd, whole, sizeof head + answer.length);
    }
}

/* @returns false when nobody is at the other end */
static bool take(int fd, const struct agent *agent) {
    ssize_t got = read(fd, line.bytes + line.used, sizeof line.bytes - line.used);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) {
        line.used = 0;
        return false;
    }
    line.used += (size_t)got;
    work_off(fd, agent);
    return true;
}

/* Reaps all that is left to us. @returns true when the sandbox's own init was among them */
static bool reap(pid_t sandbox, int *end) {
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != sandbox) continue;
        *end = status;
        return true;
    }
    return false;
}

static int listen_on(unsigned port) {
    int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_vm at = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 4) < 0) return -1;
    return listener;
}

/* A new connection takes the place of the old one, which may be of a host this machine was sealed on. */
static int accept_host(int listener, int old) {
    struct sockaddr_vm from;
    socklen_t length = sizeof from;
    int fd = accept4(listener, (struct sockaddr *)&from, &length, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return old;
    if (from.svm_cid != VMADDR_CID_HOST) { /* one of the sandbox's own processes */
        close(fd);
        return old;
    }
    if (old >= 0) close(old);
    line.used = 0;
    return fd;
}

static int signals_of(int port) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGIO);
    sigprocmask(SIG_BLOCK, &awaited, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (port >= 0) {
        fcntl(port, F_SETOWN, getpid());
        fcntl(port, F_SETFL, O_NONBLOCK | O_ASYNC);
    }
    return signalfd(-1, &awaited, SFD_NONBLOCK | SFD_CLOEXEC);
}

int serve(const struct agent *agent) {
    unsigned vsock = agent->boot->vsock;
    int fd = vsock > 0 ? -1 : open_port("sandlot.agent");
    int listener = vsock > 0 ? listen_on(vsock) : -1;
    int signals = signals_of(fd), end = 0;
    bool there = true;
    if (reap(agent->sandbox, &end)) return end; /* before its end could be a signal */
    for (;;) {
        struct pollfd waits[] = {{.fd = signals, .events = POLLIN}, {.fd = there ? fd : -1, .events = POLLIN}, {.fd = listener, .events = POLLIN}};
        poll(waits, 3, there ? -1 : CLOSED_MS);
        if (waits[0].revents != 0) {
            struct signalfd_siginfo told;
            while (read(signals, &told, sizeof told) > 0) continue;
            if (reap(agent->sandbox, &end)) return end;
        }
        if (waits[2].revents != 0) {
            fd = accept_host(listener, fd);
            there = fd >= 0;
        } else if (fd >= 0 && (waits[1].revents != 0 || !there)) {
            there = take(fd, agent);
            if (!there && listener >= 0) {
                close(fd);
                fd = -1;
            }
        }
    }
}
