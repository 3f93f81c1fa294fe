#include "guest.h"
#include "identity.h"
#include "lxcfs.h"
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define INIT "/usr/lib/sandlot/init"

/* The usual container set, and what a machine's own root needs below its user namespace: tracing, mounts, links. */
static const int kept_capabilities[] = {
    CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
    CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_NET_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN,
    CAP_SYS_BOOT, CAP_MKNOD, CAP_AUDIT_WRITE, CAP_SETFCAP,
};

/* Files that tell of the host or of others; what is absent is skipped. */
static const char *const masked_files[] = {
    "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/latency_stats",
    "/proc/iomem", "/proc/ioports", "/proc/kallsyms", "/proc/kpagecount", "/proc/kpageflags", "/proc/kpagecgroup",
    "/proc/slabinfo", "/proc/vmallocinfo", "/proc/sysrq-trigger", "/proc/key-users", "/proc/kmsg", "/proc/modules", "/proc/swaps",
    "/proc/config.gz", "/proc/locks",
};
static const char *const masked_dirs[] = {
    "/proc/acpi", "/proc/asound", "/proc/scsi", "/proc/pressure", "/proc/driver", "/sys/firmware", "/sys/kernel",
    "/sys/fs", "/sys/module", "/sys/power", "/sys/hypervisor", "/sys/devices/virtual/powercap", "/sys/devices/virtual/dmi", "/sys/block", "/sys/dev",
};
static const char *const read_only_dirs[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};

static void need_mount(const char *type, const char *at, unsigned long flags, const char *options) {
    if (mount(type, at, type, flags, options) < 0) fail_errno("mounts", "%s on %s", type, at);
}

static void mount_own(const struct config *config) {
    char options[64];
    need_dir("proc", 0555);
    need_dir("sys", 0555);
    need_dir("dev", 0755);
    need_dir("dev/pts", 0755);
    need_dir("dev/shm", 01777);
    need_dir("etc", 0755);
    need_dir("run", 0755);
    need_dir("tmp", 01777);
    /* A fresh /proc needs a fully visible one in sight, so this must come before the host's tree goes. */
    need_mount("proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    need_mount("sysfs", "sys", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL);
    need_mount("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5,max=1024"); /* terminals are counted for the whole host */
    snprintf(options, sizeof options, "mode=1777,size=%um", config->memory_mib > 1 ? config->memory_mib / 2 : 64);
    need_mount("tmpfs", "dev/shm", MS_NOSUID | MS_NODEV, options);
}

static void mask(void) {
    for (size_t i = 0; i < sizeof masked_files / sizeof *masked_files; i++)
        if (mount("/dev/null", masked_files[i], NULL, MS_BIND, NULL) < 0 && errno != ENOENT) fail_errno("mask", "%s", masked_files[i]);
    const char *empty = NULL; /* one empty directory, shown at all places */
    for (size_t i = 0; i < sizeof masked_dirs / sizeof *masked_dirs; i++) {
        const char *path = masked_dirs[i];
        int done = empty == NULL ? mount("tmpfs", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=0555")
                                 : mount(empty, path, NULL, MS_BIND, NULL);
        if (done == 0 && empty == NULL) empty = path;
        if (done < 0 && errno != ENOENT) fail_errno("mask", "%s", path);
    }
    unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    for (size_t i = 0; i < sizeof read_only_dirs / sizeof *read_only_dirs; i++) {
        const char *path = read_only_dirs[i];
        if (mount(path, path, NULL, MS_BIND, NULL) < 0) {
            if (errno == ENOENT) continue;
            fail_errno("mask", "%s", path);
        }
        if (mount(NULL, path, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY | flags, NULL) < 0) fail_errno("mask", "%s read-only", path);
    }
    /* The machine's own network settings live in its own namespace: its root may change them. */
    if (mount("/proc/sys/net", "/proc/sys/net", NULL, MS_BIND, NULL) == 0) mount(NULL, "/proc/sys/net", NULL, MS_REMOUNT | MS_BIND | flags, NULL);
}

static void set_limits(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        if (limit.rlim_max > 1048576) limit.rlim_max = 1048576;
        limit.rlim_cur = limit.rlim_max < 65536 ? limit.rlim_max : 65536;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    /* 1, not 0: with a piped core_pattern the kernel runs the host's helper at 0, and at 1 never. */
    limit.rlim_cur = limit.rlim_max = 1;
    setrlimit(RLIMIT_CORE, &limit);
    write_file("/proc/self/oom_score_adj", "0");
}

static void own_stdio(void) {
    int in = open("/dev/null", O_RDONLY);
    int out = open(MACHINE_STATE "/init.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) fail_errno("stdio", "cannot open");
    if (in > 2) close(in);
    if (out > 2) close(out);
    /* Everything else, the pipe of `status_fd` included, closes by itself when init is executed. */
    if (syscall(SYS_close_range, 3u, ~0u, 4u /* CLOSE_RANGE_CLOEXEC */) < 0) fail_errno("stdio", "close_range");
}

static void drop_capabilities(void) {
    uint64_t kept = 0;
    for (size_t i = 0; i < sizeof kept_capabilities / sizeof *kept_capabilities; i++) kept |= 1ull << kept_capabilities[i];
    for (int cap = 0; cap < 64; cap++) {
        if ((kept >> cap & 1) == 0 && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0 && errno != EINVAL) fail_errno("capabilities", "cannot drop %d", cap);
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2] = {
        {.effective = (uint32_t)kept, .permitted = (uint32_t)kept},
        {.effective = (uint32_t)(kept >> 32), .permitted = (uint32_t)(kept >> 32)},
    };
    if (syscall(SYS_capset, &header, sets) < 0) fail_errno("capabilities", "capset");
}

static void reset_signals(void) {
    for (int sig = 1; sig < 65; sig++) signal(sig, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Once it stands in its cgroups, they become the root of what it can see. Its network is there, too. */
static void await_placed(int from_host) {
    char placed;
    ssize_t got;
    do got = read(from_host, &placed, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) _exit(1); /* the launcher gave up, and has said why */
    if (unshare(CLONE_NEWCGROUP) < 0) fail_errno("namespaces", "cgroup");
}

void become_guest(const struct config *config, int from_host) {
    int root = receive_fd(from_host);
    if (root < 0) _exit(1); /* the launcher gave up, and has said why */
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail_errno("mounts", "private");
    char *at = format_path("%s/root", config->machine_dir);
    if (sys_move_mount(root, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0) fail_errno("root", "cannot attach at %s", at);
    if (chdir(at) < 0) fail_errno("root", "chdir %s", at);
    close(root);
    umask(0);
    int lxcfs[LXCFS_FILES];
    take_lxcfs(config->lxcfs, lxcfs);
    if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setresgid, 0, 0, 0) < 0 || syscall(SYS_setresuid, 0, 0, 0) < 0) fail_errno("ids", "cannot take");
    mount_own(config);
    if (syscall(SYS_pivot_root, ".", ".") < 0) fail_errno("root", "pivot_root");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) fail_errno("root", "cannot let go of the host's tree");
    bind_lxcfs(lxcfs);
    mask();
    give_identity(&(struct identity){.hostname = config->hostname, .gateway = config->guest_gateway, .renewed = config->new_identity});
    await_placed(from_host);
    set_own_sysctls();
    set_limits();
    umask(022);
    setsid();
    own_stdio();
    reset_signals();
    drop_capabilities();
    install_filter();
    char *const argv[] = {"init", (char *)config->init_argument, NULL};
    char *const environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8", NULL};
    execve(INIT, argv, environment);
    fail_errno("exec", INIT);
}
