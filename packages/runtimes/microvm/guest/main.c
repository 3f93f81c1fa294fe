#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "connections.h"

static bool has_vsock;

static void need_mount(const char *type, const char *at, unsigned long flags, const char *options) {
    mkdir(at, 0755);
    if (mount(type, at, type, flags, options) < 0) fail_errno("boot", "%s on %s", type, at);
}

void notify_host(const char *line) {
    static int port = -1;
    if (port < 0) port = has_vsock ? -1 : open_port("sandlot.host");
    if (port >= 0) {
        dprintf(port, "%s\n", line);
        return;
    }
    /* A machine model without such ports: the console is read all the time instead. */
    int console = open("/dev/ttyS0", O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (console < 0) return;
    dprintf(console, "sandlot %s\n", line);
    close(console);
}

void end_machine(const char *notice) {
    notify_host(notice); /* what the disk lacks is not written: nobody will read it */
    reboot(RB_AUTOBOOT);
    for (;;) pause();
}

/* What fail() has said into a pipe, as one line for the host. @returns if nothing was said until the pipe was closed */
static void require_silence(int from) {
    char said[900], line[1024];
    ssize_t length;
    do length = read(from, said, sizeof said - 1);
    while (length < 0 && errno == EINTR);
    close(from);
    if (length <= 0) return;
    said[length] = 0;
    char *text = strncmp(said, "error\t", 6) == 0 ? said + 6 : said;
    text[strcspn(text, "\n")] = 0;
    for (char *at = text; *at != 0; at++)
        if (*at == '\t') *at = ' ';
    snprintf(line, sizeof line, "failed %s", text);
    end_machine(line);
}

/* What can fail is done by a child, so that this process, whose end is a panic, is left to tell why. */
static void in_child(void (*work)(const struct boot *), const struct boot *boot) {
    int pipes[2], status;
    if (pipe2(pipes, O_CLOEXEC) < 0) end_machine("failed no pipe");
    pid_t child = fork();
    if (child == 0) {
        status_fd = pipes[1];
        work(boot);
        _exit(0);
    }
    close(pipes[1]);
    require_silence(pipes[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    if (child < 0 || status != 0) end_machine("failed without a word");
}

static void mount_kernels_own(const struct boot *boot) {
    (void)boot;
    need_mount("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    need_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    need_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static void prepare(const struct boot *boot) {
    load_boot_modules(!boot->probe);
    if (boot->probe) return;
    mount_layers(boot);
    make_sandbox_cgroup(boot);
    bring_up_network(boot);
    stop_unused_timer();
}

static void tell_end(int status) {
    char line[96];
    int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    char *events = read_small_file(SANDBOX_CGROUP "/memory.events");
    char *kills = events == NULL ? NULL : strstr(events, "oom_kill ");
    unsigned long long killed = 0;
    if (kills != NULL) sscanf(kills, "oom_kill %llu", &killed);
    snprintf(line, sizeof line, "exit %d %llu", code, killed);
    end_machine(line);
}

int main(int argc, char **argv) {
    if (getpid() != 1) return run_modprobe(argc, argv);
    static struct boot boot;
    in_child(mount_kernels_own, NULL);
    read_boot(&boot);
    has_vsock = boot.vsock > 0;
    in_child(prepare, &boot);
    struct agent agent = {.boot = &boot, .log = -1, .root = -1, .connections = open_connections(), .random = open("/dev/urandom", O_RDONLY | O_CLOEXEC)};
    end_outside_connections(agent.connections); /* there is none: the kernel loads what it needs for the next time */
    if (!boot.probe) {
        int pipes[2];
        if (pipe2(pipes, O_CLOEXEC) < 0) end_machine("failed no pipe");
        status_fd = pipes[1];
        agent.sandbox = start_sandbox(&boot);
        close(pipes[1]);
        status_fd = 2;
        require_silence(pipes[0]); /* closed by itself when init is executed */
        agent.log = open_log(agent.sandbox);
        agent.root = open_root(agent.sandbox);
    }
    notify_host("ready");
    tell_end(serve(&agent));
}
