#include "guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_word(struct boot *out, const char *key, const char *value) {
    struct {
        const char *key;
        const char **text;
        unsigned *number;
    } words[] = {
        {"address", &out->address, NULL}, {"gateway", &out->gateway, NULL}, {"hostname", &out->hostname, NULL},
        {"mtu", NULL, &out->mtu},         {"pids", NULL, &out->pids},       {"layers", NULL, &out->layers},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(key, words[i].key) != 0) continue;
        if (words[i].text != NULL) *words[i].text = value;
        else *words[i].number = (unsigned)strtoul(value, NULL, 10);
    }
    if (strcmp(key, "agent") == 0) sscanf(value, "vsock:%u", &out->vsock);
    if (strcmp(key, "probe") == 0) out->probe = true;
}

void read_boot(struct boot *out) {
    memset(out, 0, sizeof *out);
    char *text = read_small_file("/proc/cmdline");
    text = strdup(text == NULL ? "" : text);
    for (char *word = strtok(text, " \n"); word != NULL; word = strtok(NULL, " \n")) {
        if (strncmp(word, "sandlot.", 8) != 0) continue;
        char *equals = strchr(word, '=');
        if (equals != NULL) *equals = 0;
        set_word(out, word + 8, equals == NULL ? "" : equals + 1);
    }
}

uint64_t number_in_file(const char *path) {
    char *text = read_small_file(path);
    return text == NULL ? 0 : strtoull(text, NULL, 0);
}
