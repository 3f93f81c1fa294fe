#include "jail.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MOST_FD 500 /* room for all that is handed over, and what the VMM opens itself */
#define WHOLE (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static void make_device(const char *name, unsigned major, unsigned minor) {
    if (mknod(name, S_IFCHR | 0666, makedev(major, minor)) < 0 || chmod(name, 0666) < 0) fail_errno("jail", "%s", name);
}

/* A file of the machine's at /m/<name>, and no way to any other. */
static void bind_file(const struct file *file) {
    char *at = format_path("m/%s", file->name);
    int fd = open(at, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) fail_errno("jail", "%s", at);
    close(fd);
    if (mount(file->path, at, NULL, MS_BIND, NULL) < 0) fail_errno("jail", "%s", file->path);
    unsigned long flags = MS_REMOUNT | MS_BIND | WHOLE | (file->writable ? 0 : MS_RDONLY);
    if (mount(NULL, at, NULL, flags, NULL) < 0) fail_errno("jail", "cannot restrict %s", file->path);
    free(at);
}

/* A file that the VMM may write, in a bounded memory of its own: on a disk it could become as large as the machine's. It is charged
 * to the machine's cgroup, gone with the VMM, and root of the host finds it as /proc/<VMM>/root/m/state. */
static void make_state(const struct config *config) {
    char *size = format_path("size=%uk,nr_inodes=4,mode=0700", config->state_kib);
    if (mkdir("m/room", 0700) < 0 || mount("state", "m/room", "tmpfs", WHOLE, size) < 0) fail_errno("jail", "state");
    free(size);
    int to = open("m/state", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int from = open("m/room/state", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    if (to < 0 || from < 0 || fchown(from, config->uid, config->uid) < 0) fail_errno("jail", "state");
    close(to);
    close(from);
    if (mount("m/room/state", "m/state", NULL, MS_BIND, NULL) < 0) fail_errno("jail", "state");
    if (umount2("m/room", MNT_DETACH) < 0 || rmdir("m/room") < 0) fail_errno("jail", "state's room");
}

static void make_root(const struct config *config) {
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) fail_errno("jail", "private mounts");
    if (mount(config->tree, config->tree, NULL, MS_BIND, NULL) < 0 || chdir(config->tree) < 0) fail_errno("jail", "%s", config->tree);
    if (mount("dev", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "size=64k,nr_inodes=16,mode=0755") < 0) fail_errno("jail", "dev");
    make_device("dev/null", 1, 3);
    make_device("dev/urandom", 1, 9);
    if (config->kvm) make_device("dev/kvm", 10, 232);
    if (mount("m", "m", "tmpfs", WHOLE, "size=64k,nr_inodes=512,mode=0755") < 0) fail_errno("jail", "m");
    for (size_t i = 0; i < config->bind_count; i++) bind_file(&config->binds[i]);
    if (config->state_kib > 0) make_state(config);
    if (syscall(SYS_pivot_root, ".", ".") < 0) fail_errno("jail", "pivot_root");
    if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0) fail_errno("jail", "the host's root stays");
    static const char *const parts[] = {"/dev", "/m", "/"};
    for (int i = 0; i < 3; i++) {
        unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | (i == 0 ? MS_NOEXEC : i == 1 ? WHOLE : MS_NODEV);
        if (mount(NULL, parts[i], NULL, flags, NULL) < 0) fail_errno("jail", "cannot make %s read-only", parts[i]);
    }
}

static void limit(int what, rlim_t most) {
    struct rlimit both = {most, most};
    if (setrlimit((__rlimit_resource_t)what, &both) < 0) fail_errno("jail", "limit %d", what);
}

static void give_up_everything(const struct config *config) {
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++) {
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0) fail_errno("jail", "capability %d", capability);
    }
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) fail_errno("jail", "ambient capabilities");
    if (setgroups(0, NULL) < 0 || setresgid(config->uid, config->uid, config->uid) < 0 || setresuid(config->uid, config->uid, config->uid) < 0)
        fail_errno("jail", "cannot become %u", config->uid);
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    if (syscall(SYS_capset, &head, none) < 0) fail_errno("jail", "capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) fail_errno("jail", "no_new_privs");
}

/* The report's descriptor closes by itself when the VMM begins. */
static void lay_out(const struct config *config, const struct handed *handed) {
    for (int i = 0; i < FIXED_END - TAP_FD; i++) {
        if (handed->fixed[i] >= 0 && dup2(handed->fixed[i], TAP_FD + i) < 0) fail_errno("jail", "descriptors");
    }
    for (size_t i = 0; i < config->open_count; i++) {
        if (dup2(handed->files[i], FIRST_FILE + (int)i) < 0) fail_errno("jail", "descriptors");
    }
}

void become_vmm(const struct config *config, const struct handed *handed, int go) {
    if (dup2(handed->log, 1) < 0 || dup2(handed->log, 2) < 0) fail_errno("jail", "output");
    make_root(config);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0) fail_errno("jail", "input");
    if (sethostname("vmm", 3) < 0) fail_errno("jail", "hostname");
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, MOST_FD);
    limit(RLIMIT_MEMLOCK, 65536);
    if (config->file_mib > 0) limit(RLIMIT_FSIZE, (rlim_t)config->file_mib << 20);
    lay_out(config, handed);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails, inside it is an error of the disk */
    char word;
    ssize_t got;
    while ((got = read(go, &word, 1)) < 0 && errno == EINTR) continue;
    if (got != 1) _exit(1); /* nobody has put it within its limits */
    give_up_everything(config);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *environment[3] = {"PATH=/usr/bin", NULL, NULL};
    if (config->preload != NULL) environment[1] = format_path("LD_PRELOAD=%s", config->preload);
    execve(config->args[0], config->args, environment);
    fail_errno("jail", "%s", config->args[0]);
}
