/* The first program of a virtual machine: brings the sandbox up, then serves the host until the sandbox has ended. */
#ifndef SANDLOT_GUEST_H
#define SANDLOT_GUEST_H
#include "base.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MAX_LAYERS 128
#define SANDBOX_CGROUP "/cgroup/sandbox"
#define DISK "/disk" /* where the writable disk is mounted, out of the sandbox's sight */
#define ROOT "/root" /* the sandbox's root, as the agent sees it */

/* What the kernel's command line says; absent keys are NULL or 0. */
struct boot {
    const char *address; /* with prefix */
    const char *gateway;
    const char *hostname;
    unsigned mtu;
    unsigned pids;
    unsigned layers; /* partitions of the first disk: newest first, the kernel's modules last */
    unsigned vsock;  /* port to listen on instead of the serial port */
    bool probe;      /* no disks, no sandbox: only the agent */
};

void read_boot(struct boot *out);

/* Modules, named in /boot/order: `<virtio device id, or 0> <file>`. Those of 0 are loaded, others where the device is. */
void load_boot_modules(bool disks);
int run_modprobe(int argc, char **argv);

void mount_layers(const struct boot *boot);
void bring_up_network(const struct boot *boot);

/* Starts the guest layer's init in namespaces and a cgroup of its own; what goes wrong until it is executed is said by
 * fail() of the child. @returns its pid */
pid_t start_sandbox(const struct boot *boot);
/* Reads what init writes to its standard output. */
int open_log(pid_t sandbox);
/* Its root, as a path: -1 when it cannot be had. */
int open_root(pid_t sandbox);
/* Enters the sandbox's mounts, for a helper process that does something there and ends. */
void enter_sandbox(pid_t sandbox);

void make_sandbox_cgroup(const struct boot *boot);
/* 0, or -1 with errno set. */
int freeze_sandbox(bool frozen);
int limit_pids(unsigned most);

/* Boot failed, or the sandbox has ended: tells the host, and ends the machine. Never returns. */
void end_machine(const char *notice) __attribute__((noreturn));
void notify_host(const char *line);
/* A serial port by its name; -1 when the machine has none. */
int open_port(const char *name);

struct agent {
    const struct boot *boot;
    pid_t sandbox; /* 0: none */
    int log;
    /* Opened at boot: what a restored machine does before its sandbox runs is new to the emulator, and everybody waits. */
    int root;        /* the sandbox's, as a path */
    int connections; /* see connections.h */
    int random;
};
/* Serves until the sandbox ends; then @returns what waitpid said of it. */
int serve(const struct agent *agent);

/* For a sandbox that idles. */
void stop_unused_timer(void);
uint64_t number_in_file(const char *path);
#endif
