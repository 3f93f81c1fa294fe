#include "restore.h"
#include "cgroup.h"
#include "connections.h"
#include "identity.h"
#include "launching.h"
#include "lxcfs.h"
#include "net.h"
#include "overlay.h"
#include "private-mounts.h"
#include "processes.h"
#include "seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>


/* Nobody reads what a helper says, and nobody ends it, once its launcher is dead. */
static void end_with(pid_t launcher) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != launcher) _exit(1);
}

/* A user namespace with the ids that CRIU is going to give the machine's: layers are mapped before there is one. */
static int make_user_namespace(const struct config *config) {
    pid_t launcher = getpid(), pid = clone_into(NULL, CLONE_NEWUSER, "namespaces");
    if (pid == 0) {
        syscall(SYS_close_range, 0u, ~0u, 0u); /* the starter waits for the end of what this could still write to */
        end_with(launcher);
        for (;;) pause();
    }
    map_ids(config, pid);
    int userns = open_in_proc(pid, "ns/user", O_RDONLY);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    return userns;
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static void become_criu(const struct config *config, int from_launcher) {
    for (size_t i = 0; i < config->cgroup_count; i++) place(config->cgroups[i], 0);
    if (config->shared_cgroup != NULL) place(config->shared_cgroup, 0);
    if (unshare(CLONE_NEWCGROUP) < 0) fail_errno("namespaces", "cgroup"); /* its cgroups are the root of what it can see */
    int root = receive_fd(from_launcher);
    if (root < 0) _exit(1); /* the launcher gave up, and has said why */
    enter_private_mounts(config, config->criu_cache, NULL);
    char *at = format_path("%s/root", config->machine_dir);
    if (sys_move_mount(root, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("root", "cannot attach at %s", at);
    for (size_t i = 0; i < config->restore_file_count; i++) {
        int file = receive_fd(from_launcher);
        char *target = format_path("%s/%s", config->restore_dir, name_of(config->restore_files[i]));
        if (file < 0 || sys_move_mount(file, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("restore", "%s", target);
        close(file);
        free(target);
    }
    const char *arguments[96] = {
        config->criu, "restore", "-D", config->restore_dir, "-W", config->machine_dir, "-o", "restore.log", "--pidfile", "restored.pid",
        "--restore-detached", "--root", at, "--external", "mnt[rootfs]:/",
    };
    size_t count = 15;
    for (size_t i = 0; i < LXCFS_FILES; i++) {
        char *own = format_path(PRIVATE_LXCFS "/proc/%s", lxcfs_files[i]);
        if (access(own, F_OK) < 0) own = format_path("/proc/%s", lxcfs_files[i]); /* lxcfs is away: the kernel's own */
        arguments[count++] = "--external";
        arguments[count++] = format_path("mnt[lxcfs-%s]:%s", lxcfs_files[i], own);
    }
    count = add_common_arguments(arguments, count);
    arguments[count] = NULL;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(config->criu, (char *const *)arguments);
    fail_errno("criu", "%s", config->criu);
}

static pid_t clone_criu(const struct config *config, int pair[2], int lock) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) fail_errno("restore", "socketpair");
    pid_t launcher = getpid(), pid = clone_into(config->cgroup2, 0, "restore");
    if (pid == 0) {
        end_with(launcher);
        close(lock);
        close(pair[0]);
        become_criu(config, pair[1]);
    }
    close(pair[1]);
    return pid;
}

/* The machine's processes come back as children of this one, and CRIU's own helpers with them. */
static void await_restored(const struct config *config, pid_t criu) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    for (int status;;) {
        if (waitpid(criu, &status, WNOHANG) == criu) {
            if (status == 0) return;
            kill_cgroups(config);
            if (WIFSIGNALED(status)) fail("criu", "killed by signal %d", WTERMSIG(status));
            fail("criu", "it ended with %d", WEXITSTATUS(status));
        }
        if (sigwaitinfo(&awaited, NULL) != SIGTERM) continue;
        kill_cgroups(config);
        kill(criu, SIGKILL);
        fail("restore", "told to end");
    }
}

pid_t restore_guest(const struct config *config, int lock, int *disk) {
    if (config->criu == NULL) fail("config", "criu is missing");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) fail_errno("restore", "subreaper");
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
    setenv("SANDLOT_RESTORE", format_path("%s/launch.conf", config->machine_dir), 1);
    int pair[2];
    pid_t criu = clone_criu(config, pair, lock);
    close(lock); /* from here on, ending the machine ends this with its cgroups */
    int userns = make_user_namespace(config);
    int root = make_root(config, userns);
    send_fd(pair[0], root);
    close(root);
    for (size_t i = 0; i < config->restore_file_count; i++) {
        int file = idmapped_clone(config->restore_files[i], userns);
        send_fd(pair[0], file);
        close(file);
    }
    close(userns);
    close(pair[0]);
    char *upper = format_path("%s/m", config->upper_dir);
    *disk = open(upper, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*disk < 0) fail_errno("overlay", "%s", upper);
    await_restored(config, criu);
    char *path = format_path("%s/restored.pid", config->machine_dir);
    char *text = read_small_file(path);
    pid_t init = text == NULL ? 0 : atoi(text);
    if (init <= 1) fail("criu", "it names no process");
    journal_process(config->machine_dir, "init.pid", init);
    return init;
}

static pid_t init_of_hook(void) {
    const char *text = getenv("CRTOOLS_INIT_PID");
    int pid = text == NULL ? 0 : atoi(text);
    if (pid <= 1) fail("restore", "CRIU names no init");
    return pid;
}

/* Sockets are made next, and need their addresses. */
static void plug_restored(const struct config *config) {
    int netns = open_in_proc(init_of_hook(), "ns/net", O_RDONLY);
    plug_in(config, netns);
    if (setns(netns, CLONE_NEWNET) < 0) fail_errno("network", "setns");
    set_own_sysctls();
}

static void enter(pid_t pid, const char *name, int kind) {
    char *path = format_path("ns/%s", name);
    int namespace = open_in_proc(pid, path, O_RDONLY);
    if (setns(namespace, kind) < 0) fail_errno("identity", "%s", path);
    close(namespace);
    free(path);
}

/* All is there and nothing runs yet. */
static void before_it_runs(const struct config *config) {
    pid_t init = init_of_hook();
    int trees[LXCFS_FILES];
    take_lxcfs(config->lxcfs, trees);
    enter(init, "net", CLONE_NEWNET);
    int connections = open_connections();
    if (connections < 0) fail_errno("connections", "sock_diag");
    end_outside_connections(connections);
    close(connections);
    enter(init, "uts", CLONE_NEWUTS);
    if (config->lxcfs != NULL) {
        pid_t helper = fork(); /* it does not come back from the machine's mounts */
        int status = 1;
        if (helper == 0) {
            replace_lxcfs(trees, init);
            _exit(0);
        }
        if (helper < 0 || waitpid(helper, &status, 0) < 0 || status != 0) fail("lxcfs", "it cannot be shown");
    }
    if (!config->new_identity) return;
    enter_machine(init);
    give_identity(&(struct identity){.hostname = config->hostname, .gateway = config->guest_gateway, .renewed = true});
}

int run_restore_hook(const char *action) {
    const char *path = getenv("SANDLOT_RESTORE");
    if (path == NULL) return 0;
    struct config config;
    read_config(path, &config);
    if (config.netns != NULL) config.netns = PRIVATE_SLOT;
    if (config.lxcfs != NULL) config.lxcfs = PRIVATE_LXCFS;
    if (strcmp(action, "setup-namespaces") == 0) plug_restored(&config);
    if (strcmp(action, "pre-resume") == 0) before_it_runs(&config);
    return 0;
}
