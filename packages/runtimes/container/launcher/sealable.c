#include "sealable.h"
#include "freezer.h"
#include "identity.h"
#include "processes.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST_MS 500u
#define START_MS 8000u /* for the machine to come to a moment in which no program is being started */

/* CRIU would try for ten seconds to take a process from its debugger. */
static void refuse_traced(const char *pid) {
    char *path = format_path("/proc/%s/status", pid);
    char *status = read_small_file(path);
    char *tracer = status == NULL ? NULL : strstr(status, "\nTracerPid:\t");
    if (tracer != NULL && atoi(tracer + 12) != 0) fail("unsealable", "%.*s is being traced", (int)strcspn(status + 6, "\n"), status + 6);
    free(path);
}

/* One line of mountinfo. True when it is the boot id's and its file has been removed: that can be mended. */
static bool refuse_mount(const char *line) {
    char root[4096] = "", at[4096] = "";
    const char *type = strstr(line, " - ");
    if (type == NULL || sscanf(line, "%*s %*s %*s %4095s %4095s", root, at) != 2) return false;
    /* A file system whose server is frozen answers nobody, and whoever looks at it waits for ever. */
    if (strncmp(type, " - fuse", 7) == 0 && strncmp(type, " - fuse.lxcfs ", 14) != 0) fail("unsealable", "a FUSE file system is mounted at %s", at);
    size_t length = strlen(root);
    if (length < 9 || strcmp(root + length - 9, "//deleted") != 0) return false;
    if (strcmp(at, BOOT_ID) != 0) fail("unsealable", "what is mounted at %s has been removed", at);
    return true;
}

/* True when the boot id wants mending. */
static bool refuse_mounts(const char *pid, char *seen, size_t room) {
    char *path = format_path("/proc/%s/ns/mnt", pid), namespace[64] = "";
    bool known = readlink(path, namespace, sizeof namespace - 1) < 0 || strcmp(namespace, seen) == 0;
    free(path);
    if (known) return false;
    snprintf(seen, room, "%s", namespace);
    path = format_path("/proc/%s/mountinfo", pid);
    char *text = read_small_file(path), *rest = NULL;
    free(path);
    bool wants_mending = false;
    for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (refuse_mount(line)) wants_mending = true;
    return wants_mending;
}

static void mend_boot_id(const struct config *config, pid_t init) {
    int status = 1;
    pid_t helper = fork();
    if (helper == 0) {
        enter_machine(init);
        renew_boot_id(config->new_identity);
        _exit(0);
    }
    if (helper < 0 || waitpid(helper, &status, 0) < 0 || status != 0) fail("unsealable", "its boot id has been removed and cannot be put back");
}

/* Between vfork and exec a parent waits in the kernel, where CRIU cannot reach it. */
static bool waits_for_child(const char *pid) {
    char *path = format_path("/proc/%s/task", pid);
    DIR *threads = opendir(path);
    free(path);
    bool waits = false;
    for (struct dirent *thread; threads != NULL && !waits && (thread = readdir(threads)) != NULL;) {
        if (thread->d_name[0] == '.') continue;
        path = format_path("/proc/%s/task/%s/syscall", pid, thread->d_name);
        char *text = read_small_file(path);
        /* It counts as frozen a moment before it is. */
        for (int tries = 0; tries < 200 && text != NULL && strncmp(text, "running", 7) == 0; tries++) {
            usleep(500);
            text = read_small_file(path);
        }
        long call = -1;
        unsigned long flags = 0;
        if (text != NULL) sscanf(text, "%ld %lx", &call, &flags);
        waits = (call == SYS_clone && (flags & CLONE_VFORK) != 0);
#ifdef SYS_vfork
        waits = waits || call == SYS_vfork;
#endif
        free(path);
    }
    if (threads != NULL) closedir(threads);
    return waits;
}

static bool is_starting_program(const char *freezer, char name[32]) {
    char *pids = processes_in(freezer), *rest = NULL;
    bool starting = false;
    for (char *pid = strtok_r(pids, "\n", &rest); pid != NULL && !starting; pid = strtok_r(NULL, "\n", &rest)) {
        starting = waits_for_child(pid);
        if (!starting) continue;
        char *path = format_path("/proc/%s/comm", pid);
        char *text = read_small_file(path);
        snprintf(name, 32, "%.*s", text == NULL ? 0 : (int)strcspn(text, "\n"), text == NULL ? "" : text);
        free(path);
    }
    free(pids);
    return starting;
}

static void await_no_start(const char *freezer) {
    char name[32];
    unsigned tries = 0;
    bool rests = true;
    for (uint64_t until = monotonic_ms() + START_MS; !rests || is_starting_program(freezer, name); tries++) {
        bool is_late = monotonic_ms() >= until;
        if (is_late && !rests) fail("freeze", "the machine does not come to rest");
        if (is_late) fail("unsealable", "%s starts programs without a pause", name);
        set_frozen(freezer, false);
        usleep(300 + 137 * (tries % 16));
        set_frozen(freezer, true);
        /* A freeze can get stuck on a program that is being started; another one may not. */
        rests = await_frozen(freezer, REST_MS);
    }
}

void let_run(const char *freezer, unsigned ms) {
    set_frozen(freezer, false);
    usleep(ms * 1000);
    set_frozen(freezer, true);
    if (!await_frozen(freezer, START_MS)) fail("freeze", "the machine does not come to rest");
}

void make_sealable(const struct config *config, const char *freezer, pid_t init) {
    await_no_start(freezer);
    char *pids = processes_in(freezer), seen[64] = "", *rest = NULL;
    bool wants_mending = false;
    for (char *pid = strtok_r(pids, "\n", &rest); pid != NULL; pid = strtok_r(NULL, "\n", &rest)) {
        refuse_traced(pid);
        if (refuse_mounts(pid, seen, sizeof seen)) wants_mending = true;
    }
    free(pids);
    if (wants_mending) mend_boot_id(config, init);
}
