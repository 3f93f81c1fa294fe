#include "common.h"

#include <string.h>

static void set_key(void *to, const char *key, const char *value) {
    struct config *out = to;
    struct {
        const char *key;
        const char **at;
    } texts[] = {
        {"machine_dir", &out->machine_dir}, {"upper_dir", &out->upper_dir},
        {"hostname", &out->hostname},       {"netns", &out->netns},
        {"host_link", &out->host_link},     {"guest_cidr", &out->guest_cidr},
        {"guest_gateway", &out->guest_gateway}, {"lxcfs", &out->lxcfs},
        {"launcher_cgroup", &out->launcher_cgroup}, {"cgroup2", &out->cgroup2},
        {"shared_cgroup", &out->shared_cgroup}, {"restore_dir", &out->restore_dir},
        {"init_argument", &out->init_argument},
        {"criu", &out->criu},               {"criu_cache", &out->criu_cache},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0) {
            *texts[i].at = value;
            return;
        }
    }
    if (strcmp(key, "lower") == 0) {
        if (out->lower_count == MAX_LOWERS) fail("config", "more than %d layers", MAX_LOWERS);
        out->lowers[out->lower_count++] = value;
    } else if (strcmp(key, "cgroup") == 0) {
        if (out->cgroup_count == MAX_CGROUPS) fail("config", "more than %d cgroups", MAX_CGROUPS);
        out->cgroups[out->cgroup_count++] = value;
    } else if (strcmp(key, "restore_file") == 0) {
        if (out->restore_file_count == MAX_RESTORE_FILES) fail("config", "more than %d images", MAX_RESTORE_FILES);
        out->restore_files[out->restore_file_count++] = value;
    } else if (strcmp(key, "new_identity") == 0) {
        out->new_identity = parse_number(key, value) != 0;
    } else if (strcmp(key, "id_base") == 0) {
        out->id_base = parse_number(key, value);
    } else if (strcmp(key, "mtu") == 0) {
        out->mtu = parse_number(key, value);
    } else if (strcmp(key, "memory_mib") == 0) {
        out->memory_mib = parse_number(key, value);
    } else if (strcmp(key, "force_overlay_paths") == 0) {
        out->force_overlay_paths = parse_number(key, value) != 0;
    } else {
        fail("config", "unknown key %s", key);
    }
}

void read_config(const char *path, struct config *out) {
    memset(out, 0, sizeof *out);
    read_settings(path, set_key, out);
    if (out->machine_dir == NULL) fail("config", "machine_dir is missing");
}
