#include "tap.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void parse_mac(const char *text, unsigned char mac[6]) {
    if (text == NULL || sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
        fail("config", "no hardware address: %s", text == NULL ? "" : text);
}

/* The file belongs to the network namespace it is opened in. Packet headers of virtio let large packets through whole. */
static int open_tap(const char *name) {
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) fail_errno("network", "/dev/net/tun");
    struct ifreq wanted = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    snprintf(wanted.ifr_name, sizeof wanted.ifr_name, "%s", name);
    if (ioctl(fd, TUNSETIFF, &wanted) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void dress(int slot, const struct config *config) {
    unsigned char mac[6];
    parse_mac(config->host_mac, mac);
    struct ifinfomsg link = {.ifi_index = nl_index_of(slot, config->host_link)};
    struct nl_request r;
    nl_begin(&r, RTM_NEWLINK, 0, &link, sizeof link);
    nl_put(&r, IFLA_ADDRESS, mac, sizeof mac);
    nl_put(&r, IFLA_MTU, &config->mtu, sizeof config->mtu);
    errno = -nl_ask(slot, &r);
    if (errno != 0) fail_errno("network", "cannot set up %s", config->host_link);
}

/* A resumed guest answers no question for its address before it runs; nobody needs to ask. */
static void know_guest(int slot, const struct config *config) {
    unsigned char mac[6];
    struct in_addr address;
    parse_mac(config->guest_mac, mac);
    if (config->guest_address == NULL || inet_pton(AF_INET, config->guest_address, &address) != 1) fail("config", "guest_address");
    struct ndmsg about = {.ndm_family = AF_INET, .ndm_ifindex = nl_index_of(slot, config->host_link), .ndm_state = NUD_PERMANENT};
    struct nl_request r;
    nl_begin(&r, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &about, sizeof about);
    nl_put(&r, NDA_DST, &address, sizeof address);
    nl_put(&r, NDA_LLADDR, mac, sizeof mac);
    errno = -nl_ask(slot, &r);
    if (errno != 0) fail_errno("network", "cannot note the guest's hardware address");
}

int make_tap(const struct config *config) {
    if (config->netns == NULL) return -1;
    if (config->host_link == NULL || config->host_cidr == NULL) fail("config", "host_link or host_cidr is missing");
    int slot_netns = open(config->netns, O_RDONLY | O_CLOEXEC);
    if (slot_netns < 0) fail_errno("network", "slot %s", config->netns);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int slot = nl_socket_in(slot_netns);
    /* A killed machine's link goes a moment after it. */
    int tap = open_tap(config->host_link);
    for (int tries = 0; tap < 0 && (errno == EBUSY || errno == EEXIST) && tries < 50; tries++) {
        nl_delete_link(slot, config->host_link);
        sleep_ms(2);
        tap = open_tap(config->host_link);
    }
    if (tap < 0) fail_errno("network", "cannot make %s in %s", config->host_link, config->netns);
    if (setns(home, CLONE_NEWNET) < 0) fail_errno("network", "setns home");
    struct in_addr address;
    unsigned prefix;
    parse_cidr(config->host_cidr, &address, &prefix);
    dress(slot, config);
    nl_bring_up(slot, config->host_link);
    nl_add_address(slot, config->host_link, address, prefix);
    know_guest(slot, config);
    close(slot);
    close(slot_netns);
    close(home);
    return tap;
}
