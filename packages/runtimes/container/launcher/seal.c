#include "seal.h"
#include "freezer.h"
#include "hard-links.h"
#include "images.h"
#include "layer-image.h"
#include "lxcfs.h"
#include "private-mounts.h"
#include "processes.h"
#include "restore.h"
#include "sealable.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define VIEW "/run/disk" /* the machine's disk, read-only, in our own mounts */
#define HELPER_PID "/run/helper.pid"
#define TRIES 3
#define RUN_MS 10 /* and four times as long at the next try */
#define GRACE_SECONDS 20u /* for CRIU to put the processes right again after it was told to stop */

/* Makes a layer of what the machine has written, and ends. */
static void make_layer(const char *directory, pid_t init) {
    link_up_names(VIEW, init);
    char pid[16];
    snprintf(pid, sizeof pid, "%d", getpid());
    replace_file(HELPER_PID, pid);
    char *to = format_path("%s/disk.erofs", directory);
    write_layer(VIEW "/u", to);
    _exit(0);
}

/* Unlinked files that are still open have a name only while the dump is going on, so the disk is sealed within it. */
static int on_dumped(void) {
    const char *directory = getenv("SANDLOT_SEAL");
    const char *init = getenv("CRTOOLS_INIT_PID");
    if (directory == NULL || init == NULL) return 1;
    make_layer(directory, atoi(init));
    return 1;
}

size_t add_common_arguments(const char **arguments, size_t count) {
    static const char *const common[] = {
        "--tcp-established", "--skip-in-flight", "--ext-unix-sk", "--file-locks", "--link-remap", "--ghost-limit", "16G",
        "--manage-cgroups=ignore", "--empty-ns", "net", "-v1", "--action-script", CRIU_HOOK,
    };
    for (size_t i = 0; i < sizeof common / sizeof *common; i++) arguments[count++] = common[i];
    return count;
}

static void become_dump(const struct config *config, const struct seal_request *request, const char *freezer, pid_t init) {
    const char *arguments[96];
    size_t count = 0;
    char *images = format_path("%s/memory", request->directory);
    arguments[count++] = request->criu;
    arguments[count++] = "dump";
    arguments[count++] = "-t";
    arguments[count++] = format_path("%d", init);
    arguments[count++] = "-D";
    arguments[count++] = images;
    arguments[count++] = "-W";
    arguments[count++] = config->machine_dir;
    arguments[count++] = "-o";
    arguments[count++] = "seal.log";
    arguments[count++] = "--leave-running";
    arguments[count++] = "--timeout"; /* to take hold of all processes, in seconds */
    arguments[count++] = "4";
    arguments[count++] = "--network-lock";
    arguments[count++] = "skip";
    arguments[count++] = "--freeze-cgroup";
    arguments[count++] = freezer;
    arguments[count++] = "--external";
    arguments[count++] = "mnt[/]:rootfs";
    for (size_t i = 0; i < LXCFS_FILES; i++) {
        arguments[count++] = "--external";
        arguments[count++] = format_path("mnt[/proc/%s]:lxcfs-%s", lxcfs_files[i], lxcfs_files[i]);
    }
    count = add_common_arguments(arguments, count);
    arguments[count] = NULL;
    setenv("SANDLOT_SEAL", request->directory, 1);
    signal(SIGXFSZ, SIG_IGN); /* see stop_gently */
    execv(request->criu, (char *const *)arguments);
    fail_errno("criu", "%s", request->criu);
}

/* Killed in the middle of its work, CRIU would leave its own code in the machine's processes. A write that fails makes it
 * give up and put everything right again. */
static void stop_gently(pid_t pid) {
    struct rlimit none = {0};
    prlimit(pid, RLIMIT_FSIZE, &none, NULL);
    char *text = read_small_file(HELPER_PID);
    int helper = text == NULL ? 0 : atoi(text);
    if (helper > 1) kill(helper, SIGKILL);
}

static void stop_hard(const char *freezer, pid_t pid) {
    if (freezer != NULL) set_frozen(freezer, true);
    kill(pid, SIGKILL);
}

/* Waits for `pid`, bounded. Returns its wait status. */
static int await_helper(pid_t pid, const char *freezer, unsigned seconds) {
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    uint64_t until = monotonic_ms() + seconds * 1000ull;
    bool stopping = false;
    for (int status;;) {
        if (waitpid(pid, &status, WNOHANG) == pid) return status;
        uint64_t now = monotonic_ms();
        bool late = now >= until;
        uint64_t left = late ? 0 : until - now;
        struct timespec rest = {.tv_sec = (time_t)(left / 1000), .tv_nsec = (long)(left % 1000) * 1000000};
        bool told = sigtimedwait(&awaited, NULL, &rest) == SIGTERM;
        if (late && stopping) {
            stop_hard(freezer, pid);
            until = monotonic_ms() + GRACE_SECONDS * 1000ull;
        } else if (late || told) {
            stopping = true;
            stop_gently(pid);
            until = monotonic_ms() + GRACE_SECONDS * 1000ull;
        }
    }
}

/* CRIU has given up, changed nothing, and may find it otherwise: a thread slipped into starting a program while CRIU took hold of
 * the others; or one has asked the kernel something by netlink and is let run to read the answer, envd in its looks for ports say. */
static bool may_try_again(const struct config *config, const char *freezer, int status, unsigned run_ms) {
    if (!WIFEXITED(status) || WEXITSTATUS(status) == 0) return false;
    char *path = format_path("%s/seal.log", config->machine_dir);
    char *text = read_small_file(path);
    free(path);
    if (text == NULL) return false;
    if (strstr(text, "netlink: The socket has data to read") == NULL) return strstr(text, "Unseizable non-zombie") != NULL;
    let_run(freezer, run_ms);
    return true;
}

/* Writes all of it. Returns the wait status of what did. */
static int write_seal(const struct config *config, const struct seal_request *request, const char *freezer, pid_t init) {
    pid_t helper = fork();
    if (helper < 0) fail_errno("seal", "fork");
    if (helper == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        if (request->criu == NULL) make_layer(request->directory, init);
        become_dump(config, request, freezer, init);
    }
    int status = await_helper(helper, request->criu == NULL ? NULL : freezer, request->seconds);
    if (request->criu != NULL) set_frozen(freezer, true);
    return status;
}

int seal_machine(const struct seal_request *request) {
    struct config config;
    int lock = lock_path(request->config_path);
    if (lock < 0) fail_errno("config", "%s", request->config_path);
    read_config(request->config_path, &config);
    setsid();
    await_signals_only();
    leave_service(config.launcher_cgroup);
    journal_process(config.machine_dir, "seal.pid", getpid());
    close(lock); /* from here on, ending the machine ends this first */
    setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);

    const char *freezer = freezer_of(&config);
    config.criu = request->criu;
    enter_private_mounts(&config, request->criu_cache, request->directory);
    view_upper(config.upper_dir, VIEW);
    pid_t init = 0;
    if (journaled_process(config.machine_dir, "init.pid", &init) < 0) fail("seal", "the machine has ended");
    int status = 0;
    for (int tries = 0; tries < TRIES; tries++) {
        if (request->criu != NULL) make_sealable(&config, freezer, init);
        status = write_seal(&config, request, freezer, init);
        if (!may_try_again(&config, freezer, status, RUN_MS << (2 * tries))) break;
    }
    if (request->criu != NULL) keep_criu_cache(request->criu_cache);
    char *journal = format_path("%s/seal.pid", config.machine_dir);
    unlink(journal);
    const char *stage = request->criu == NULL ? "layer" : "criu";
    if (WIFSIGNALED(status)) fail(stage, "killed by signal %d", WTERMSIG(status));
    if (WEXITSTATUS(status) != 0) fail(stage, "it ended with %d", WEXITSTATUS(status));
    return 0;
}

int run_criu_hook(const char *action) {
    if (getenv("SANDLOT_SEAL") != NULL) return strcmp(action, "post-dump") == 0 ? on_dumped() : 0;
    return run_restore_hook(action);
}
