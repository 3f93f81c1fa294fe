/* The sandbox in its machine: namespaces of its own for processes, mounts and cgroups, so that it sees what it would see
 * in a container, and the agent beside it is out of its way. It is no wall: the machine is. */
#include "guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "identity.h"

#define INIT "/usr/lib/sandlot/init"

static void need_mount(const char *type, const char *at, unsigned long flags, const char *options) {
    if (mount(type, at, type, flags, options) < 0) fail_errno("mounts", "%s on %s", type, at);
}

static void make_nodes(void) {
    /* Of drivers that are loaded when one is opened. */
    static const struct {
        const char *path;
        unsigned minor, mode;
    } nodes[] = {{"/dev/fuse", 229, 0666}, {"/dev/net/tun", 200, 0666}, {"/dev/loop-control", 237, 0660}};
    static const char *const links[][2] = {{"/dev/ptmx", "pts/ptmx"}, {"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"},
                                           {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"}};
    mkdir("/dev/net", 0755);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) mknod(nodes[i].path, S_IFCHR | nodes[i].mode, makedev(10, nodes[i].minor));
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        unlink(links[i][0]);
        if (symlink(links[i][1], links[i][0]) < 0) fail_errno("devices", "%s", links[i][0]);
    }
}

static void mount_own(void) {
    struct sysinfo memory;
    char options[64];
    sysinfo(&memory);
    need_dir("/proc", 0555);
    need_dir("/sys", 0555);
    need_dir("/dev", 0755);
    need_dir("/etc", 0755);
    need_dir("/run", 0755);
    need_dir("/tmp", 01777);
    need_mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    need_mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    need_mount("cgroup2", "/sys/fs/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    need_mount("devtmpfs", "/dev", MS_NOSUID, "mode=0755");
    need_dir("/dev/pts", 0755);
    need_dir("/dev/shm", 01777);
    make_nodes();
    need_mount("devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5,max=1024");
    unsigned long long mib = (unsigned long long)memory.totalram * memory.mem_unit >> 20;
    snprintf(options, sizeof options, "mode=1777,size=%llum", mib > 1 ? mib / 2 : 64);
    need_mount("tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, options);
}

/* Where the sandbox's own tools look for them; done from within, since a layer's /lib may be a link. May fail: the kernel
 * itself finds them without. */
static void show_modules(int modules) {
    struct utsname kernel;
    uname(&kernel);
    char *at = format_path("/lib/modules/%s", kernel.release);
    mkdir("/lib/modules", 0755);
    mkdir(at, 0755);
    if (modules >= 0) sys_move_mount(modules, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH);
    free(at);
}

static void set_limits(void) {
    struct rlimit files = {.rlim_cur = 65536, .rlim_max = 1048576}, cores = {.rlim_cur = 1, .rlim_max = 1};
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_CORE, &cores);
    write_file("/proc/self/oom_score_adj", "0");
}

/* The log lies on the sandbox's own disk: what it writes there is bounded with the rest. */
static void own_stdio(void) {
    int in = open("/dev/null", O_RDONLY);
    int out = open(MACHINE_STATE "/init.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) fail_errno("stdio", "cannot open");
    /* Everything else, the pipe of `status_fd` included, closes by itself when init is executed. */
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0) fail_errno("stdio", "close_range");
}

static void become_sandbox(const struct boot *boot) {
    if (unshare(CLONE_NEWCGROUP) < 0) fail_errno("namespaces", "cgroup"); /* its own cgroup becomes the root of what it sees */
    struct utsname kernel;
    uname(&kernel);
    char *from = format_path("/lib/modules/%s", kernel.release);
    int modules = sys_open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail_errno("mounts", "private");
    if (chdir(ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) fail_errno("root", "cannot enter");
    umask(0);
    mount_own();
    show_modules(modules);
    struct identity identity = {.hostname = boot->hostname, .gateway = boot->gateway};
    give_identity(&identity);
    set_limits();
    umask(022);
    setsid();
    own_stdio();
    for (int sig = 1; sig < 65; sig++) signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *const argv[] = {"init", NULL};
    /* The guest's memory is its own already: envd gives some back only when it has taken much of it. */
    char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8",
                                 "ENVD_TRIM_GROWTH_MIB=32", NULL};
    execve(INIT, argv, environment);
    fail_errno("exec", INIT);
}

pid_t start_sandbox(const struct boot *boot) {
    int cgroup = open(SANDBOX_CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct clone_args how = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_INTO_CGROUP,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup,
    };
    pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
    if (pid == 0) become_sandbox(boot);
    if (pid < 0) fail_errno("namespaces", "clone3");
    close(cgroup);
    return pid;
}

int open_log(pid_t sandbox) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/1", sandbox);
    return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

int open_root(pid_t sandbox) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/root", sandbox);
    return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

void enter_sandbox(pid_t sandbox) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/mnt", sandbox);
    int mounts = open(path, O_RDONLY | O_CLOEXEC);
    int root = open_root(sandbox);
    if (mounts < 0 || root < 0 || setns(mounts, CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0) fail_errno("identity", "cannot enter the sandbox");
    close(mounts);
    close(root);
}
