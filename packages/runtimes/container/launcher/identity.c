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
static void put_file(const struct config *config, const char *path, const char *text, mode_t mode) {
    bool gone = unlink(path) == 0 || errno == ENOENT;
    int fd = gone ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode) : -1;
    if (fd >= 0 && write(fd, text, strlen(text)) >= 0 && fchmod(fd, mode) == 0) {
        close(fd);
        return;
    }
    if (!config->new_identity) fail_errno("identity", "%s", path);
    dprintf(2, "identity: %s stays as it is: %s\n", path, strerror(errno));
    if (fd >= 0) close(fd);
}

static void random_hex(char out[33]) {
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes) fail_errno("identity", "getrandom");
    bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40); /* the shape of a version 4 UUID, as systemd and the kernel have it */
    bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
    for (int i = 0; i < 16; i++) sprintf(out + 2 * i, "%02x", bytes[i]);
}

static void show_boot_id(const struct config *config) {
    while (umount2(BOOT_ID, MNT_DETACH | UMOUNT_NOFOLLOW) == 0) continue; /* of a machine that had another one before */
    if (mount(MACHINE_STATE "/boot_id", BOOT_ID, NULL, MS_BIND, NULL) < 0 && !config->new_identity) fail_errno("identity", "boot_id");
}

void renew_boot_id(const struct config *config) {
    char *text = read_small_file(BOOT_ID);
    if (text == NULL) fail_errno("identity", BOOT_ID);
    mkdir(MACHINE_STATE, 0755);
    put_file(config, MACHINE_STATE "/boot_id", text, 0444);
    show_boot_id(config);
}

void give_identity(const struct config *config) {
    char id[33], text[512];
    const char *name = config->hostname != NULL ? config->hostname : "sandbox";
    if (!config->new_identity) need_dir(MACHINE_STATE, 0755);
    else mkdir(MACHINE_STATE, 0755); /* it may have been removed */
    random_hex(id);
    snprintf(text, sizeof text, "%.8s-%.4s-%.4s-%.4s-%.12s\n", id, id + 8, id + 12, id + 16, id + 20);
    put_file(config, MACHINE_STATE "/boot_id", text, 0444);
    random_hex(id);
    snprintf(text, sizeof text, "%s\n", id);
    put_file(config, "/etc/machine-id", text, 0444);
    snprintf(text, sizeof text, "%s\n", name);
    put_file(config, "/etc/hostname", text, 0644);
    snprintf(text, sizeof text,
             "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n", name);
    put_file(config, "/etc/hosts", text, 0644);
    if (config->guest_gateway != NULL) {
        snprintf(text, sizeof text, "nameserver %s\n", config->guest_gateway);
        put_file(config, "/etc/resolv.conf", text, 0644);
    }
    if (sethostname(name, strlen(name)) < 0) fail_errno("identity", "hostname");
    show_boot_id(config);
}

void set_own_sysctls(void) {
    /* All belong to the machine's own network namespace; one that a kernel lacks is not missed. */
    write_file("/proc/sys/net/ipv4/ping_group_range", "0 65535");
    write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
    write_file("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1");
}
