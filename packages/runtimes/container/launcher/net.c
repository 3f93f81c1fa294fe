#include "net.h"
#include "netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Constant in every machine, so that a snapshot may resume in any slot. */
static const unsigned char guest_mac[6] = {0x02, 0xFC, 0x00, 0x00, 0x00, 0x05};

static int add_pair(const struct config *config, int slot, int guest_netns) {
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, down = {0};
    struct nl_request r;
    nl_begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    nl_put(&r, IFLA_IFNAME, config->host_link, strlen(config->host_link) + 1);
    nl_put(&r, IFLA_MTU, &config->mtu, sizeof config->mtu);
    struct rtattr *info = nl_put(&r, IFLA_LINKINFO, NULL, 0);
    nl_put(&r, IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = nl_put(&r, IFLA_INFO_DATA, NULL, 0);
    struct rtattr *peer = nl_put(&r, VETH_INFO_PEER, &down, sizeof down); /* a veth cannot come up before its other end exists */
    nl_put(&r, IFLA_IFNAME, "eth0", 5);
    nl_put(&r, IFLA_MTU, &config->mtu, sizeof config->mtu);
    nl_put(&r, IFLA_ADDRESS, guest_mac, sizeof guest_mac);
    nl_put(&r, IFLA_NET_NS_FD, &guest_netns, sizeof guest_netns);
    nl_end_nest(&r, peer);
    nl_end_nest(&r, data);
    nl_end_nest(&r, info);
    return nl_ask(slot, &r);
}

void plug_in(const struct config *config, int guest_netns) {
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int guest = nl_socket_in(guest_netns);
    nl_bring_up(guest, "lo");
    if (config->netns == NULL) {
        if (setns(home, CLONE_NEWNET) < 0) fail_errno("network", "setns home");
        close(home);
        close(guest);
        return;
    }
    struct in_addr address, gateway;
    unsigned prefix;
    parse_cidr(config->guest_cidr, &address, &prefix);
    if (inet_pton(AF_INET, config->guest_gateway, &gateway) != 1) fail("config", "guest_gateway: %s", config->guest_gateway);
    int slot_netns = open(config->netns, O_RDONLY | O_CLOEXEC);
    if (slot_netns < 0) fail_errno("network", "slot %s", config->netns);
    int slot = nl_socket_in(slot_netns);
    if (setns(home, CLONE_NEWNET) < 0) fail_errno("network", "setns home");
    int result = add_pair(config, slot, guest_netns);
    /* The kernel takes a dead machine's namespace apart later; its end may still be in the slot. */
    for (int tries = 0; result == -EEXIST && tries < 50; tries++) {
        nl_delete_link(slot, config->host_link);
        result = add_pair(config, slot, guest_netns);
        if (result == -EEXIST) sleep_ms(2);
    }
    errno = -result;
    if (result != 0) fail_errno("network", "cannot make %s in %s", config->host_link, config->netns);
    nl_bring_up(guest, "eth0");
    nl_add_address(slot, config->host_link, gateway, prefix);
    nl_add_address(guest, "eth0", address, prefix);
    nl_add_default_route(guest, "eth0", gateway);
    close(slot);
    close(slot_netns);
    close(guest);
    close(home);
}

void unplug(const struct config *config) {
    if (config->netns != NULL && config->host_link != NULL) remove_link(config->netns, config->host_link);
}
