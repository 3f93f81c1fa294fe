/* The host side of virtual machines: everything that needs bare system calls. Driven from TypeScript, one short process
 * per call; only `launch` stays, as the parent of its machine's VMM. */
#include "cgroup-dirs.h"
#include "launch.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

static int usage(void) {
    fputs("vm-launcher launch|end --config FILE\n"
          "vm-launcher restrict --dir CGROUP\n"
          "vm-launcher tsc\n",
          stderr);
    return 2;
}

static int restrict_devices(const char *dir) {
    static const struct device allowed[] = {
        {1, 3}, {1, 9},      /* null urandom */
        {10, 200}, {10, 232} /* the launcher's own net/tun; kvm */
    };
    restrict_devices_to(dir, allowed, sizeof allowed / sizeof *allowed);
    return 0;
}

static double raw_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_RAW, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* How fast this processor's time stamp counter runs, in kHz: over 200 ms, good for some 10 parts in a million. */
static int print_tsc(void) {
    double from = raw_seconds();
    unsigned long long ticks = __rdtsc();
    sleep_ms(200);
    double to = raw_seconds();
    ticks = __rdtsc() - ticks;
    printf("%.0f\n", (double)ticks / (to - from) / 1000);
    return 0;
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "tsc") == 0) return print_tsc();
    if (argc != 4) return usage();
    if (strcmp(argv[1], "launch") == 0 && strcmp(argv[2], "--config") == 0) return launch(argv[3]);
    if (strcmp(argv[1], "end") == 0 && strcmp(argv[2], "--config") == 0) return end_machine(argv[3]);
    if (strcmp(argv[1], "restrict") == 0 && strcmp(argv[2], "--dir") == 0) return restrict_devices(argv[3]);
    return usage();
}
