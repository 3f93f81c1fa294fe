#include "cgroup-dirs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

void kill_cgroup(const char *dir) {
    char *path = format_path("%s/cgroup.kill", dir);
    write_file(path, "1");
    free(path);
    path = format_path("%s/freezer.state", dir);
    write_file(path, "THAWED");
    free(path);
}

/* For v1 alone, where no file kills: by pid, until nobody new is seen. */
static void kill_listed(const char *dir) {
    char *path = format_path("%s/cgroup.procs", dir);
    char *text = read_small_file(path);
    free(path);
    for (char *line = text == NULL ? NULL : strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        int pid = atoi(line);
        if (pid > 1) kill(pid, SIGKILL);
    }
}

void remove_cgroup(const char *dir) {
    unsigned rest = 1;
    for (uint64_t until = monotonic_ms() + 10000; monotonic_ms() < until;) {
        if (rmdir(dir) == 0 || errno == ENOENT) return;
        if (errno != EBUSY) fail_errno("cgroup", "%s", dir);
        kill_listed(dir);
        sleep_ms(rest);
        if (rest < 16) rest *= 2;
    }
    fail("cgroup", "%s stays busy", dir);
}

void place(const char *dir, pid_t pid) {
    char text[16];
    snprintf(text, sizeof text, "%d", pid);
    char *path = format_path("%s/cgroup.procs", dir);
    if (write_file(path, text) < 0) fail_errno("limits", "%s", path);
    free(path);
}

static struct bpf_insn program[64];
static unsigned length;

static void emit(unsigned char code, unsigned char target, unsigned char source, short offset, int value) {
    program[length++] = (struct bpf_insn){.code = code, .dst_reg = target, .src_reg = source, .off = offset, .imm = value};
}

/* Allows one character device; a negative minor means all of the major. r2 is the type, r3 the major, r4 the minor. */
static void allow(int major, int minor) {
    emit(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_3, 0, (short)(minor < 0 ? 2 : 3), major);
    if (minor >= 0) emit(BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 2, minor);
    emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void write_device_program(const struct device *devices, size_t count) {
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff);
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    emit(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_2, 0, 2, BPF_DEVCG_DEV_CHAR);
    emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
    for (size_t i = 0; i < count; i++) allow(devices[i].major, devices[i].minor);
    emit(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0);
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int bpf(int command, union bpf_attr *attributes) { return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes); }

void restrict_devices_to(const char *dir, const struct device *devices, size_t count) {
    int cgroup = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cgroup < 0) fail_errno("devices", "%s", dir);
    union bpf_attr query = {.query = {.target_fd = (unsigned)cgroup, .attach_type = BPF_CGROUP_DEVICE}};
    if (bpf(BPF_PROG_QUERY, &query) == 0 && query.query.prog_cnt > 0) return;
    write_device_program(devices, count);
    union bpf_attr load = {0};
    load.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    load.insns = (uint64_t)(uintptr_t)program;
    load.insn_cnt = length;
    load.license = (uint64_t)(uintptr_t) "Apache-2.0";
    int loaded = bpf(BPF_PROG_LOAD, &load);
    if (loaded < 0) fail_errno("devices", "this kernel takes no device program");
    union bpf_attr attach = {0};
    attach.target_fd = (unsigned)cgroup;
    attach.attach_bpf_fd = (unsigned)loaded;
    attach.attach_type = BPF_CGROUP_DEVICE;
    attach.attach_flags = BPF_F_ALLOW_MULTI;
    if (bpf(BPF_PROG_ATTACH, &attach) < 0) fail_errno("devices", "cannot attach the device program to %s", dir);
}
