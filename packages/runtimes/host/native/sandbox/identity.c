#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

void need_dir(const char *path, mode_t mode) {
    if (mkdir(path, mode) == 0) {
        if (chmod(path, mode) < 0) fail_errno("root", "%s", path);
    } else if (errno != EEXIST) {
        fail_errno("root", "%s", path);
    }
}

/* A machine that has run may have put anything in a file's place; it then keeps what it has put there. */
static void put_file(bool renewed, const char *path, const char *text, mode_t mode) {
    bool gone = unlink(path) == 0 || errno == ENOENT;
    int fd = gone ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) : -1;
    if (fd >= 0 && write(fd, text, strlen(text)) >= 0 && fchmod(fd, mode) == 0) {
        close(fd);
        return;
    }
    if (!renewed) fail_errno("identity", "%s", path);
    dprintf(2, "identity: %s stays as it is: %s\n", path, strerror(errno));
    if (fd >= 0) close(fd);
}

static const char *name_of(const struct identity *identity) {
    return identity->hostname != NULL ? identity->hostname : "sandbox";
}

static void random_hex(char out[33]) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) fail_errno("identity", "getrandom");
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* the shape of a version 4 UUID, as systemd and the kernel have it */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void show_boot_id(bool renewed) {
    while (umount2(BOOT_ID, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue; /* of a machine that had another one before */
    if (mount(MACHINE_STATE "/boot_id", BOOT_ID, NULL, MS_BIND, NULL) < 0 && !renewed) fail_errno("identity", "boot_id");
}

void renew_boot_id(bool renewed) {
    char *text = read_small_file(BOOT_ID);
    if (text == NULL) fail_errno("identity", BOOT_ID);
    mkdir(MACHINE_STATE, 0755);
    put_file(renewed, MACHINE_STATE "/boot_id", text, 0444);
    show_boot_id(renewed);
}

size_t make_up_identity(const struct identity *identity, struct identity_file out[IDENTITY_FILES]) {
    char id[33];
    const char *name = name_of(identity);
    size_t count = 0;
    random_hex(id);
    out[count] = (struct identity_file){.path = MACHINE_STATE "/boot_id", .mode = 0444};
    snprintf(out[count++].text, sizeof out->text, "%.8s-%.4s-%.4s-%.4s-%.12s\n", id, id + 8, id + 12, id + 16, id + 20);
    random_hex(id);
    out[count] = (struct identity_file){.path = "/etc/machine-id", .mode = 0444};
    snprintf(out[count++].text, sizeof out->text, "%s\n", id);
    out[count] = (struct identity_file){.path = "/etc/hostname", .mode = 0644};
    snprintf(out[count++].text, sizeof out->text, "%s\n", name);
    out[count] = (struct identity_file){.path = "/etc/hosts", .mode = 0644};
    snprintf(out[count++].text, sizeof out->text,
             "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n", name);
    if (identity->gateway == NULL) return count;
    out[count] = (struct identity_file){.path = "/etc/resolv.conf", .mode = 0644};
    snprintf(out[count++].text, sizeof out->text, "nameserver %s\n", identity->gateway);
    return count;
}

int give_name(const struct identity *identity) {
    const char *name = name_of(identity);
    return sethostname(name, strlen(name));
}

void give_identity(const struct identity *identity) {
    struct identity_file files[IDENTITY_FILES];
    bool renewed = identity->renewed;
    if (!renewed) need_dir(MACHINE_STATE, 0755);
    else mkdir(MACHINE_STATE, 0755); /* it may have been removed */
    size_t count = make_up_identity(identity, files);
    for (size_t i = 0; i < count; i++) put_file(renewed, files[i].path, files[i].text, files[i].mode);
    if (give_name(identity) < 0) fail_errno("identity", "hostname");
    show_boot_id(renewed);
}

void set_own_sysctls(void) {
    /* All belong to the machine's own network namespace; one that a kernel lacks is not missed. */
    write_file("/proc/sys/net/ipv4/ping_group_range", "0 65535");
    write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    write_file("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
}
