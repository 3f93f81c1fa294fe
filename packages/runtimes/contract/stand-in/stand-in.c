/* Plays envd in the conformance suite, so that it needs no more of a base than a shell. In the guest it runs scripts
 * that arrive on port 49983; `call` is the client for it; `try` does what scripts cannot, and prints what came of it. */
#define _GNU_SOURCE
#include "stand-in.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define PORT 49983

static void serve_one(int client) {
    static char script[1 << 20];
    size_t used = 0;
    ssize_t got;
    while ((got = read(client, script + used, sizeof script - 1 - used)) > 0) used += (size_t)got;
    script[used] = 0;
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        int in = open("/dev/null", O_RDONLY);
        dup2(in, 0);
        dup2(client, 1);
        dup2(client, 2);
        closefrom(3);
        execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(127);
    }
    int status = 0x7f00;
    if (pid > 0) waitpid(pid, &status, 0);
    dprintf(client, "\n%d", pid < 0 ? 255 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
    close(client);
}

static int serve(void) {
    signal(SIGCHLD, SIG_IGN);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 64) < 0) return 1;
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0) continue;
        if (fork() == 0) {
            signal(SIGCHLD, SIG_DFL);
            close(listener);
            serve_one(client);
            _exit(0);
        }
        close(client);
    }
}

static int call(const char *address) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    inet_pton(AF_INET, address, &at.sin_addr);
    int server = -1;
    for (int tries = 0; tries < 2500; tries++) { /* five seconds */
        server = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(server, (struct sockaddr *)&at, sizeof at) == 0) break;
        close(server);
        server = -1;
        usleep(2000);
    }
    if (server < 0) return 111;
    char buffer[65536];
    ssize_t got;
    while ((got = read(0, buffer, sizeof buffer)) > 0)
        if (write(server, buffer, (size_t)got) != got) return 112;
    shutdown(server, SHUT_WR);
    while ((got = read(server, buffer, sizeof buffer)) > 0)
        if (write(1, buffer, (size_t)got) != got) return 113;
    return 0;
}

static const char *outcome(long result) {
    if (result >= 0) return "done";
    return errno == EPERM ? "EPERM" : errno == ENOSYS ? "ENOSYS" : errno == EAGAIN ? "EAGAIN" : errno == ENOSPC ? "ENOSPC" : errno == EAFNOSUPPORT ? "EAFNOSUPPORT" : strerror(errno);
}

static int try(const char *what, int amount, const char *path) {
    char buffer[65536] = {1};
    if (strcmp(what, "io_uring") == 0) puts(outcome(syscall(SYS_io_uring_setup, 1, buffer)));
    else if (strcmp(what, "userns") == 0) puts(outcome(unshare(CLONE_NEWUSER)));
    else if (strcmp(what, "clone_userns") == 0) {
        long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
        if (pid == 0) _exit(0);
        puts(outcome(pid));
    } else if (strcmp(what, "clone3") == 0) puts(outcome(syscall(SYS_clone3, NULL, 0)));
    else if (strcmp(what, "keyctl") == 0) puts(outcome(syscall(SYS_keyctl, 0, -3, 1)));
    else if (strcmp(what, "bpf") == 0) puts(outcome(syscall(SYS_bpf, 0, NULL, 0)));
    else if (strcmp(what, "vsock") == 0) puts(outcome(socket(40, SOCK_STREAM, 0)));
    else if (strcmp(what, "euid") == 0) printf("%d\n", (int)geteuid());
    else if (strcmp(what, "pids") == 0) {
        int count = 0;
        pid_t pid = 0;
        signal(SIGCHLD, SIG_IGN);
        while (count < amount && (pid = fork()) > 0) count++;
        if (pid == 0 && count < amount) {
            pause();
            _exit(0);
        }
        printf("%d %s\n", count, outcome(pid));
        fflush(stdout);
        signal(SIGTERM, SIG_IGN);
        kill(0, SIGTERM);
    } else if (strcmp(what, "hog") == 0) { /* MiB of memory, touched */
        for (int i = 0; i < amount; i++) {
            char *page = malloc(1 << 20);
            if (page == NULL) break;
            memset(page, i + 1, 1 << 20);
        }
        puts("done");
    } else if (strcmp(what, "fill") == 0) { /* a file of that many MiB */
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        long wrote = 0, at = 0;
        for (; at < amount * 16L && (wrote = write(fd, buffer, sizeof buffer)) > 0; at++) continue;
        if (wrote >= 0 && fsync(fd) < 0) wrote = -1;
        puts(outcome(wrote));
    } else if (strcmp(what, "spin") == 0) { /* processor time, in ms, won by two busy processes in `amount` ms */
        struct timespec start, now;
        clock_gettime(CLOCK_MONOTONIC, &start);
        pid_t other = fork();
        do clock_gettime(CLOCK_MONOTONIC, &now);
        while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < amount);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        if (other == 0) _exit(0);
        waitpid(other, NULL, 0);
        printf("%ld\n", now.tv_sec * 1000 + now.tv_nsec / 1000000);
    } else if (strcmp(what, "setxattr") == 0) puts(outcome(setxattr(path, "user.kept", "a value", 7, 0)));
    else if (strcmp(what, "getxattr") == 0) {
        ssize_t length = getxattr(path, "user.kept", buffer, sizeof buffer);
        printf("%.*s\n", (int)length, buffer);
    } else if (strcmp(what, "setcap") == 0) {
        struct vfs_cap_data caps = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{.permitted = 1u << CAP_NET_RAW}}};
        puts(outcome(setxattr(path, "security.capability", &caps, sizeof caps, 0)));
    } else if (strcmp(what, "getcap") == 0) {
        ssize_t length = getxattr(path, "security.capability", buffer, sizeof buffer);
        for (ssize_t i = 0; i < length; i++) printf("%02x", (unsigned char)buffer[i]);
        puts(length < 0 ? strerror(errno) : "");
    } else if (strcmp(what, "spawn") == 0) { /* one program after the other, for ever, by vfork */
        for (;;) {
            pid_t pid = vfork();
            if (pid == 0) execl("/proc/self/exe", "envd", "try", "nothing", (char *)NULL);
            if (pid > 0) waitpid(pid, NULL, 0);
        }
    } else if (strcmp(what, "trace") == 0) { /* a process under a debugger, for ever */
        pid_t pid = fork();
        for (;;) {
            if (pid == 0) pause();
            if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0) return 1;
            waitpid(pid, NULL, 0);
            for (;;) pause();
        }
    } else return 2;
    return 0;
}

int main(int argc, char **argv) {
    if (argc >= 3 && strcmp(argv[1], "call") == 0) return call(argv[2]);
    if (argc == 2 && strcmp(argv[1], "keep") == 0) return keep();
    if (argc == 2 && strcmp(argv[1], "ask") == 0) return ask();
    if (argc >= 3 && strcmp(argv[1], "try") == 0) return try(argv[2], argc > 3 ? atoi(argv[3]) : 0, argc > 4 ? argv[4] : "");
    if (argc >= 4 && strcmp(argv[1], "as") == 0) {
        int id = atoi(argv[2]);
        if (setresgid((gid_t)id, (gid_t)id, (gid_t)id) < 0 || setresuid((uid_t)id, (uid_t)id, (uid_t)id) < 0) return 1;
        execv(argv[3], argv + 3);
        return 127;
    }
    return serve();
}
