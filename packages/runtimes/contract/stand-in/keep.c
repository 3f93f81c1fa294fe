/* A program whose whole life must go on over a seal: one of everything it can hold, and a way to ask after each. */
#define _GNU_SOURCE
#include "stand-in.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define PORT 49984
#define HOME "/srv/keep"
#define MEMORY (8u << 20)
#define PENDING 3 /* bytes that always lie unread in every channel */

static unsigned char *memory;
static int opened, removed, twice, watcher, timer, event, poller, terminal[2], anonymous, locked, signals;
static int channels[3][2]; /* pipe, Unix socket, TCP: write to 1, read from 0 */
static unsigned char written[3], taken[3];
static volatile uint64_t turns;
static volatile int *shared;
static pid_t child;
static struct timespec last;

static unsigned char pattern(unsigned i) { return (unsigned char)((i * 2654435761u) >> 24); }

static void put_pattern(int fd) {
    unsigned char block[65536];
    for (unsigned i = 0; i < sizeof block; i++) block[i] = pattern(i);
    if (write(fd, block, sizeof block) != sizeof block) _exit(3);
}

static const char *check_pattern(int fd) {
    unsigned char block[65536];
    if (pread(fd, block, sizeof block, 0) != sizeof block) return "is short";
    for (unsigned i = 0; i < sizeof block; i++)
        if (block[i] != pattern(i)) return "has other bytes";
    return "ok";
}

static void *turn(void *unused) {
    for (;; turns++) usleep(1000);
    return unused;
}

static void tcp_pair(int pair[2]) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof at;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 1) < 0) _exit(4);
    getsockname(listener, (struct sockaddr *)&at, &length);
    pair[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(pair[1], (struct sockaddr *)&at, sizeof at) < 0) _exit(5);
    pair[0] = accept(listener, NULL, NULL);
    close(listener);
}

static void start_child(void) {
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    child = fork();
    if (child != 0) return;
    for (;; usleep(1000)) *shared += 1;
}

static void set_up(void) {
    mkdir(HOME, 0755);
    mkdir(HOME "/watched", 0755);
    memory = malloc(MEMORY);
    for (unsigned i = 0; i < MEMORY; i++) memory[i] = pattern(i);
    opened = open(HOME "/opened", O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0644);
    removed = open(HOME "/removed", O_RDWR | O_CREAT | O_TRUNC, 0600);
    put_pattern(removed);
    unlink(HOME "/removed");
    twice = open(HOME "/name", O_RDWR | O_CREAT | O_TRUNC, 0600);
    put_pattern(twice);
    link(HOME "/name", HOME "/other-name");
    unlink(HOME "/name");
    locked = open(HOME "/locked", O_RDWR | O_CREAT, 0600);
    flock(locked, LOCK_EX);
    if (pipe(channels[0]) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, channels[1]) < 0) _exit(6);
    tcp_pair(channels[2]);
    for (int i = 0; i < 3; i++)
        for (; written[i] < PENDING; written[i]++)
            if (write(channels[i][1], &written[i], 1) != 1) _exit(7);
    if (openpty(&terminal[0], &terminal[1], NULL, NULL, NULL) < 0) _exit(8);
    struct termios raw;
    tcgetattr(terminal[1], &raw);
    cfmakeraw(&raw);
    tcsetattr(terminal[1], TCSANOW, &raw);
    watcher = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(watcher, HOME "/watched", IN_CREATE);
    inotify_add_watch(watcher, "/usr/lib", IN_CREATE); /* of an older layer */
    timer = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec each = {.it_interval.tv_nsec = 20000000, .it_value.tv_nsec = 20000000};
    timerfd_settime(timer, 0, &each, NULL);
    event = eventfd(0, EFD_NONBLOCK);
    poller = epoll_create1(0);
    struct epoll_event wanted = {.events = EPOLLIN};
    epoll_ctl(poller, EPOLL_CTL_ADD, event, &wanted);
    anonymous = memfd_create("anonymous", 0);
    put_pattern(anonymous);
    sigset_t usr1;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, NULL);
    signals = signalfd(-1, &usr1, SFD_NONBLOCK);
    kill(getpid(), SIGUSR1); /* stays pending */
    clock_gettime(CLOCK_MONOTONIC, &last);
    start_child();
    pthread_t thread;
    pthread_create(&thread, NULL, turn, NULL);
}

static const char *check_memory(void) {
    for (unsigned i = 0; i < MEMORY; i++)
        if (memory[i] != pattern(i)) return "has other bytes";
    return "ok";
}

static const char *check_opened(void) {
    struct stat by_fd, by_name;
    if (write(opened, "more\n", 5) != 5) return strerror(errno);
    if (fstat(opened, &by_fd) < 0 || stat(HOME "/opened", &by_name) < 0) return strerror(errno);
    return by_fd.st_ino == by_name.st_ino && by_fd.st_size == by_name.st_size ? "ok" : "is another file than its name";
}

static const char *check_links(int fd, nlink_t links) {
    struct stat about;
    if (fstat(fd, &about) < 0) return strerror(errno);
    return about.st_nlink == links ? check_pattern(fd) : "has another number of names";
}

static const char *check_channel(int i) {
    unsigned char got;
    if (write(channels[i][1], &written[i], 1) != 1) return strerror(errno);
    written[i]++;
    struct pollfd ready = {.fd = channels[i][0], .events = POLLIN};
    if (poll(&ready, 1, 1000) != 1) return "says nothing";
    if (read(channels[i][0], &got, 1) != 1) return strerror(errno);
    return got == taken[i]++ ? "ok" : "lost its order";
}

static const char *check_terminal(void) {
    char got;
    if (write(terminal[0], "t", 1) != 1) return strerror(errno);
    struct pollfd ready = {.fd = terminal[1], .events = POLLIN};
    if (poll(&ready, 1, 1000) != 1) return "says nothing";
    return read(terminal[1], &got, 1) == 1 && got == 't' ? "ok" : "says something else";
}

static const char *check_watch(const char *dir) {
    char path[128], events[4096];
    while (read(watcher, events, sizeof events) > 0) continue;
    snprintf(path, sizeof path, "%s/new-%d", dir, rand());
    close(open(path, O_WRONLY | O_CREAT, 0600));
    struct pollfd ready = {.fd = watcher, .events = POLLIN};
    const char *result = poll(&ready, 1, 1000) == 1 ? "ok" : "sees nothing";
    unlink(path);
    return result;
}

static const char *check_timer(void) {
    uint64_t ticks;
    struct pollfd ready = {.fd = timer, .events = POLLIN};
    if (poll(&ready, 1, 1000) != 1) return "does not ring";
    return read(timer, &ticks, sizeof ticks) == sizeof ticks && ticks > 0 ? "ok" : "rings emptily";
}

static const char *check_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double passed = (double)(now.tv_sec - last.tv_sec) + (double)(now.tv_nsec - last.tv_nsec) / 1e9;
    last = now;
    return passed < 0 ? "went back" : passed > 30 ? "jumped" : "ok";
}

static const char *check_events(void) {
    struct epoll_event got;
    uint64_t value = 1;
    if (write(event, &value, sizeof value) != sizeof value) return strerror(errno);
    if (epoll_wait(poller, &got, 1, 1000) != 1) return "sees nothing";
    return read(event, &value, sizeof value) == sizeof value ? "ok" : strerror(errno);
}

static const char *check_turning(volatile uint64_t *counter) {
    uint64_t before = *counter;
    for (int tries = 0; tries < 1000; tries++, usleep(1000))
        if (*counter != before) return "ok";
    return "stands still";
}

static const char *check_child(void) {
    if (waitpid(child, NULL, WNOHANG) != 0) return "is no child any more";
    int before = *shared;
    for (int tries = 0; tries < 1000; tries++, usleep(1000))
        if (*shared != before) return "ok";
    return "stands still";
}

static const char *check_lock(void) {
    int other = open(HOME "/locked", O_RDWR);
    int taken_too = flock(other, LOCK_EX | LOCK_NB);
    close(other);
    return taken_too < 0 ? "ok" : "is not held";
}

static const char *check_signal(void) {
    struct signalfd_siginfo about;
    const char *result = read(signals, &about, sizeof about) == sizeof about ? "ok" : "is lost";
    kill(getpid(), SIGUSR1);
    return result;
}

static void answer(int client) {
    dprintf(client, "memory %s\n", check_memory());
    dprintf(client, "opened-file %s\n", check_opened());
    dprintf(client, "removed-file %s\n", check_links(removed, 0));
    dprintf(client, "removed-name %s\n", check_links(twice, 1));
    dprintf(client, "pipe %s\n", check_channel(0));
    dprintf(client, "unix-socket %s\n", check_channel(1));
    dprintf(client, "tcp %s\n", check_channel(2));
    dprintf(client, "terminal %s\n", check_terminal());
    dprintf(client, "watch %s\n", check_watch(HOME "/watched"));
    dprintf(client, "watch-of-layer %s\n", check_watch("/usr/lib"));
    dprintf(client, "timer %s\n", check_timer());
    dprintf(client, "clock %s\n", check_clock());
    dprintf(client, "epoll %s\n", check_events());
    dprintf(client, "thread %s\n", check_turning(&turns));
    dprintf(client, "child %s\n", check_child());
    dprintf(client, "memfd %s\n", check_pattern(anonymous));
    dprintf(client, "lock %s\n", check_lock());
    dprintf(client, "signal %s\n", check_signal());
}

int keep(void) {
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    signal(SIGPIPE, SIG_IGN);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0) return 1;
    set_up();
    if (listen(listener, 8) < 0) return 1;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        answer(client);
        close(client);
    }
}

int ask(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int tries = 0; tries < 1000; tries++, usleep(2000)) {
        int server = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(server, (struct sockaddr *)&at, sizeof at) == 0) {
            char buffer[4096];
            for (ssize_t got; (got = read(server, buffer, sizeof buffer)) > 0;)
                if (write(1, buffer, (size_t)got) != got) return 1;
            return 0;
        }
        close(server);
    }
    return 1;
}
