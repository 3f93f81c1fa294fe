#include "config.h"

#include <string.h>

/* `ro|rw <path>`, and for a bind `ro|rw <name> <path>`. */
static void add_file(struct file *list, size_t *count, bool named, char *value) {
    if (*count == MAX_FILES) fail("config", "more than %d files", MAX_FILES);
    struct file *file = &list[(*count)++];
    char *rest = strchr(value, ' ');
    if (rest == NULL) fail("config", "a file without a path: %s", value);
    *rest++ = 0;
    file->writable = strcmp(value, "rw") == 0;
    if (!file->writable && strcmp(value, "ro") != 0) fail("config", "neither ro nor rw: %s", value);
    if (named) {
        file->name = rest;
        rest = strchr(rest, ' ');
        if (rest == NULL || memchr(file->name, '/', (size_t)(rest - file->name)) != NULL) fail("config", "a bad name: %s", file->name);
        *rest++ = 0;
    }
    file->path = rest;
}

static void set_key(void *to, const char *key, const char *value) {
    struct config *out = to;
    struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"machine_dir", &out->machine_dir},     {"tree", &out->tree},           {"preload", &out->preload},
        {"netns", &out->netns},                 {"host_link", &out->host_link}, {"host_cidr", &out->host_cidr},
        {"host_mac", &out->host_mac},           {"guest_mac", &out->guest_mac}, {"guest_address", &out->guest_address},
        {"restore_state", &out->restore_state}, {"launcher_cgroup", &out->launcher_cgroup}, {"cgroup2", &out->cgroup2}, {"shared_cgroup", &out->shared_cgroup},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0) {
            *texts[i].at = value;
            return;
        }
    }
    if (strcmp(key, "arg") == 0) {
        if (out->arg_count == MAX_ARGS) fail("config", "more than %d arguments", MAX_ARGS);
        out->args[out->arg_count++] = (char *)value;
    } else if (strcmp(key, "cgroup") == 0) {
        if (out->cgroup_count == MAX_CGROUPS) fail("config", "more than %d cgroups", MAX_CGROUPS);
        out->cgroups[out->cgroup_count++] = value;
    } else if (strcmp(key, "open") == 0) {
        add_file(out->opens, &out->open_count, false, (char *)value);
    } else if (strcmp(key, "bind") == 0) {
        add_file(out->binds, &out->bind_count, true, (char *)value);
    } else if (strcmp(key, "uid") == 0) {
        out->uid = parse_number(key, value);
    } else if (strcmp(key, "mtu") == 0) {
        out->mtu = parse_number(key, value);
    } else if (strcmp(key, "file_mib") == 0) {
        out->file_mib = parse_number(key, value);
    } else if (strcmp(key, "state_kib") == 0) {
        out->state_kib = parse_number(key, value);
    } else if (strcmp(key, "kvm") == 0) {
        out->kvm = parse_number(key, value) != 0;
    } else if (strcmp(key, "await_notice") == 0) {
        out->await_notice = parse_number(key, value) != 0;
    } else {
        fail("config", "unknown key %s", key);
    }
}

void read_config(const char *path, struct config *out) {
    memset(out, 0, sizeof *out);
    read_settings(path, set_key, out);
    if (out->machine_dir == NULL) fail("config", "machine_dir is missing");
}
