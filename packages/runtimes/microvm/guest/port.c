/* The ways to the host: serial ports by name, or a listener on vsock. */
#include "guest.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"
#define WAIT_MS 1000 /* a port shows up, and gets its name, a little after its device */

static int open_if_named(const char *entry, const char *name) {
    char *path = format_path(PORTS "/%s/name", entry);
    char *found = read_small_file(path);
    if (found == NULL) return -1;
    found[strcspn(found, "\n")] = 0;
    if (strcmp(found, name) != 0) return -1;
    path = format_path("/dev/%s", entry);
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

int open_port(const char *name) {
    for (uint64_t until = monotonic_ms() + WAIT_MS;; sleep_ms(2)) {
        DIR *ports = opendir(PORTS);
        struct dirent *entry;
        int fd = -1;
        while (ports != NULL && fd < 0 && (entry = readdir(ports)) != NULL)
            if (entry->d_name[0] != '.') fd = open_if_named(entry->d_name, name);
        if (ports == NULL) return -1; /* no such device at all */
        closedir(ports);
        if (fd >= 0 || monotonic_ms() > until) return fd;
    }
}
