#include "launching.h"
#include "host-processes.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int begin_launch(const char *config_path, int lowest_fd) {
    /* It lives for long: nothing of the starter's, a listening socket say, may live on in it. */
    syscall(SYS_close_range, 3u, ~0u, 0u);
    int starter = fcntl(1, F_DUPFD_CLOEXEC, lowest_fd);
    if (starter < 0) fail_errno("start", "dup");
    status_fd = starter;
    if (dup2(2, 1) < 0) fail_errno("start", "dup2");
    int low = lock_path(config_path);
    if (low < 0) fail_errno("config", "%s", config_path);
    int lock = fcntl(low, F_DUPFD_CLOEXEC, lowest_fd);
    if (lock < 0) fail_errno("start", "dup");
    close(low);
    return lock;
}

void settle_launch(const char *machine_dir, const char *launcher_cgroup) {
    setsid();
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    await_signals_only();
    leave_service(launcher_cgroup);
    journal_process(machine_dir, "launcher.pid", getpid());
}

pid_t clone_into(const char *cgroup2, uint64_t flags, const char *stage) {
    struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};
    int cgroup = -1;
    if (cgroup2 != NULL) {
        cgroup = open(cgroup2, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (cgroup < 0) fail_errno("limits", "%s", cgroup2);
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)cgroup;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) fail_errno(stage, "clone3");
    if (cgroup >= 0) close(cgroup);
    return pid;
}

bool gone_within(int pidfd, int ms) {
    struct pollfd watched = {.fd = pidfd, .events = POLLIN};
    return pidfd < 0 || poll(&watched, 1, ms) == 1;
}
