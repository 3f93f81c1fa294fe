/* The system call filter. A list of what is refused, not of what is let through: user namespace and capabilities
 * already bound what calls may do; the filter takes away what they do not cover, what has no use in a machine and a
 * long record of holes, and what a memory snapshot could not hold. Calls newer than this list do not exist inside. */
#include "guest.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "this processor has no filter yet"
#endif

#define NEWEST_KNOWN_CALL 469 /* file_setattr, Linux 6.17; numbers above 423 are the same on all processors */
#define X32_BIT 0x40000000u

/* Not in every libc's headers. */
#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

static const int refused[] = {
    SYS_add_key, SYS_keyctl, SYS_request_key,                                           /* keyrings are not namespaced */
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd,                                      /* kernel attack surface */
    SYS_kexec_load, SYS_kexec_file_load, SYS_init_module, SYS_finit_module, SYS_delete_module,
    SYS_swapon, SYS_swapoff, SYS_acct, SYS_quotactl, SYS_quotactl_fd, SYS_vhangup, SYS_nfsservctl,
    SYS_settimeofday, SYS_clock_settime, SYS_clock_adjtime, SYS_lookup_dcookie, SYS_syslog,
    SYS_open_by_handle_at,
#ifdef __x86_64__
    SYS_iopl, SYS_ioperm, SYS_create_module, SYS_get_kernel_syms, SYS_query_module, SYS_uselib, SYS_ustat, SYS_sysfs, SYS__sysctl,
#endif
};

static const int absent[] = {
    SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register, /* cannot be snapshotted */
    SYS_memfd_secret,
    SYS_clone3, /* its flags lie in memory, out of a filter's reach; C libraries fall back to clone */
};

/* vsock would reach a hypervisor's own services, AF_ALG and the rare protocols reach rarely tested code. */
static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET};

static struct sock_filter program[512];
static unsigned short length;

static void emit(unsigned short code, unsigned value, unsigned char yes, unsigned char no) {
    program[length++] = (struct sock_filter){code, yes, no, value};
}
static void load(size_t offset) { emit(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset, 0, 0); }
static void answer(unsigned action) { emit(BPF_RET | BPF_K, action, 0, 0); }
static void when_equal_answer(unsigned value, unsigned action) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
    answer(action);
}

/* Low word of an argument; both processors are little-endian. */
static void load_argument(int index) { load(offsetof(struct seccomp_data, args) + 8 * (size_t)index); }
static void load_call(void) { load(offsetof(struct seccomp_data, nr)); }

/* Refuses `call` when the flags in its first argument ask for a user namespace. */
static void refuse_new_user_namespace(int call) {
    emit(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 4);
    load_argument(0);
    emit(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWUSER, 0, 1);
    answer(SECCOMP_RET_ERRNO | EPERM);
    answer(SECCOMP_RET_ALLOW);
}

static void allow_families_only(void) {
    const unsigned count = sizeof families / sizeof *families;
    emit(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, (unsigned char)(count + 3));
    load_argument(0);
    for (unsigned i = 0; i < count; i++) emit(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)families[i], (unsigned char)(count - i), 0);
    answer(SECCOMP_RET_ERRNO | EAFNOSUPPORT);
    answer(SECCOMP_RET_ALLOW);
}

/* A packet ring is memory that no limit of the machine's counts, of any size the caller names. Answering that there is
 * no such option sends programs that can to plain reads. */
static void refuse_packet_rings(void) {
    static const int rings[] = {PACKET_RX_RING, PACKET_TX_RING};
    const unsigned count = sizeof rings / sizeof *rings;
    emit(BPF_JMP | BPF_JEQ | BPF_K, SYS_setsockopt, 0, (unsigned char)(count + 5));
    load_argument(1);
    emit(BPF_JMP | BPF_JEQ | BPF_K, SOL_PACKET, 0, (unsigned char)(count + 1));
    load_argument(2);
    for (unsigned i = 0; i < count; i++) emit(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)rings[i], (unsigned char)(count - i), 0);
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_ERRNO | ENOPROTOOPT);
}

void install_filter(void) {
    load(offsetof(struct seccomp_data, arch));
    emit(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_ARCH, 1, 0);
    answer(SECCOMP_RET_KILL_PROCESS);
    load_call();
#ifdef __x86_64__
    emit(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1);
    answer(SECCOMP_RET_KILL_PROCESS);
#endif
    emit(BPF_JMP | BPF_JGT | BPF_K, NEWEST_KNOWN_CALL, 0, 1);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) when_equal_answer((unsigned)refused[i], SECCOMP_RET_ERRNO | EPERM);
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) when_equal_answer((unsigned)absent[i], SECCOMP_RET_ERRNO | ENOSYS);
    refuse_new_user_namespace(SYS_clone);
    refuse_new_user_namespace(SYS_unshare);
    refuse_packet_rings();
    allow_families_only();
    answer(SECCOMP_RET_ALLOW);
    struct sock_fprog filter = {.len = length, .filter = program};
    /* No NoNewPrivs: sudo must go on working inside; CAP_SYS_ADMIN over the own namespace is enough to install. */
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &filter) < 0) fail_errno("filter", "seccomp");
}
