#include "freezer.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define AGAIN_MS 60u

const char *freezer_of(const struct config *config) {
    if (config->cgroup2 != NULL) return config->cgroup2;
    for (size_t i = 0; i < config->cgroup_count; i++) {
        char *state = format_path("%s/freezer.state", config->cgroups[i]);
        bool found = access(state, F_OK) == 0;
        free(state);
        if (found) return config->cgroups[i];
    }
    fail("freeze", "the machine has no freezer");
}

void set_frozen(const char *freezer, bool frozen) {
    char *path = format_path("%s/cgroup.freeze", freezer);
    if (write_file(path, frozen ? "1" : "0") < 0) {
        free(path);
        path = format_path("%s/freezer.state", freezer);
        write_file(path, frozen ? "FROZEN" : "THAWED");
    }
    free(path);
}

static bool is_frozen(const char *freezer) {
    char *path = format_path("%s/cgroup.events", freezer);
    char *text = read_small_file(path);
    bool frozen = text != NULL && strstr(text, "frozen 1") != NULL;
    free(path);
    if (text != NULL) return frozen;
    path = format_path("%s/freezer.state", freezer);
    text = read_small_file(path);
    frozen = text != NULL && strncmp(text, "FROZEN", 6) == 0;
    free(path);
    return frozen;
}

bool await_frozen(const char *freezer, unsigned ms) {
    uint64_t started = monotonic_ms(), again = started + AGAIN_MS;
    while (!is_frozen(freezer)) {
        uint64_t now = monotonic_ms();
        if (now >= started + ms) return false;
        if (now >= again) {
            /* v1 can miss a process that is just being made, and then waits for it for ever: another try finds it. */
            set_frozen(freezer, false);
            set_frozen(freezer, true);
            again = now + AGAIN_MS;
        }
        usleep(200);
    }
    return true;
}

char *processes_in(const char *freezer) {
    char *path = format_path("%s/cgroup.procs", freezer);
    char *text = read_small_file(path);
    free(path);
    text = strdup(text == NULL ? "" : text);
    if (text == NULL) fail("memory", "no memory");
    return text;
}
